"""The page on a neuron of one's own: its code as it stands; its neuron on the kernels, in the cache, and resumed."""

import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from engine import assert_as_good_as_reference, run_operators
from oracle import Case, random_case

from spikeloom import cli
from spikeloom.neurons import Neuron, equations
from spikeloom.neurons.named import _from_file
from spikeloom.train import session, settings
from spikeloom.train.metrics import read
from spikeloom.train.report import Report

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "your-own-neuron.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the documents are not here")

# The page's neuron in layers like the page's: prints how many of their kernels were found, and how many compiled.
AGAIN = """
import torch
from ringing import RINGING
from spikeloom.kernels.cpu import adjoint, recurrent, scan
from spikeloom.nn import Spiking

for between in (False, True):
    layer = Spiking(10, 70, neuron=RINGING, recurrent=between, learn=("kick",), sparse=True)
    layer(torch.ones(3, 2, 10))[0].active.sum().backward()
stats = [kernel.stats for kernel in (scan.forward, scan.backward, recurrent.forward, adjoint.backward)]
print(sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of someone who follows the page: the current one, from which Python imports."""
    chosen = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(chosen)
        patch.syspath_prepend(str(chosen))
        yield chosen
    sys.modules.pop("ringing", None)


@pytest.fixture(scope="module")
def names(folder: Path) -> dict[str, Any]:
    """What the page's code has made, one block after the other; one that begins with a file's name is that file."""
    made: dict[str, Any] = {"__name__": "guide"}
    torch.manual_seed(0)
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        file = re.match(r"# (\w+\.py)\n", block)
        if file:
            (folder / file[1]).write_text(block, encoding="utf-8")
        else:
            exec(compile(block, PAGE.name, "exec"), made)
    return made


@pytest.fixture(scope="module")
def neuron(names: dict[str, Any]) -> Neuron:
    found = names["RINGING"]
    assert isinstance(found, Neuron)
    return found


def test_the_page_is_short() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) < 60


def test_the_networks_of_the_page_spike_and_take_gradients(names: dict[str, Any]) -> None:
    for layer in list(names["net"])[:2]:
        assert layer.route.sparse
        assert 0.03 < layer.last_activity < 0.07
        assert bool((layer.value("kick") > 0).all())
        for gradient in (layer.weight.grad, layer.kick_shift.grad):
            assert bool(gradient.isfinite().all())
            assert bool((gradient != 0).any())
    assert bool((names["net"][1].recurrent_gradient() != 0).any())


def test_what_is_kept_is_what_the_page_says(names: dict[str, Any], neuron: Neuron) -> None:
    for layer in list(names["net"])[:2]:
        said = layer.explain()["keeps"]
        assert said == "bits, window entries, every height"
        assert said in " ".join(PAGE.read_text(encoding="utf-8").split())
    assert equations(neuron, ("kick",)).kept == equations(neuron).kept == (0,)
    assert equations(neuron, ("beta",)).kept == (0, 1)


@pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])
def test_the_kernels_are_as_good_as_the_reference(neuron: Neuron, recurrent: bool) -> None:
    """The same step, on the reference by torch and its autograd; `kick` is learned, each neuron's own."""

    def case(seed: int) -> Case:
        made = random_case(neuron=neuron, recurrent=recurrent, bias=True, omega=0.2, seed=seed)
        # Heights of a few thresholds: this neuron adds currents up twice.
        made = replace(made, weight=made.weight / 4)
        kick = torch.linspace(0.1, 0.9, len(made.weight)).double()
        numbers = zip(neuron.names, made.parameters, strict=True)
        return replace(made, parameters=tuple(kick if name == "kick" else number for name, number in numbers))

    cases = [case(seed) for seed in range(16)]
    assert {"d_kick", "d_weight", "state.height", "state.speed"} <= run_operators(cases[0], sparse=True).keys()
    assert_as_good_as_reference(cases, partial(run_operators, sparse=True))


def test_another_process_finds_the_kernels_whatever_else_was_edited(
    neuron: Neuron, folder: Path, tmp_path: Path
) -> None:
    text = (folder / "ringing.py").read_text(encoding="utf-8")
    edited = re.sub(r"\bspeed\b(?!\")", "rate", re.sub(r"\bstep\b", "swing", text)).replace("0.5", "0.7")
    assert (edited.count("rate"), edited.count("swing"), edited.count("0.7")) == (5, 2, 1)
    (tmp_path / "ringing.py").write_text("# An edit.\n" + edited, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.run(
        [sys.executable, "-c", AGAIN], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["4", "0"]


class Stopping(Report):
    """A report during which the user presses Ctrl-C once the first epoch is done."""

    def line(self, text: str) -> None:
        super().line(text)
        if text.startswith("epoch 1 of"):
            signal.raise_signal(signal.SIGINT)


def _refuses_an_edited_neuron(file: Path, stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("kick * spike", "2.0 * kick * spike"), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != text
    # A new process reads the file anew; in this one it is kept.
    _from_file.cache_clear()
    assert cli.main(["train", "--run", str(stopped), "--resume"]) == 2
    assert "neurons: expected the equations that the run began with, got others" in capsys.readouterr().err
    file.write_text(text, encoding="utf-8")
    _from_file.cache_clear()


def test_a_run_from_the_page_resumes_to_the_same_bits(
    neuron: Neuron, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's command, on few samples; a run of it that is stopped goes on from the file of the neuron."""
    (line,) = re.findall(r"^`spikeloom (train digits .*)`$", PAGE.read_text(encoding="utf-8"), re.M)
    small = "--epochs 2 --threads 1 --set hidden=20 --set train_samples=100 --set test_samples=20"
    command = [*shlex.split(line), *shlex.split(small)]
    whole, stopped = folder / "runs" / "ringing", folder / "stopped"
    assert cli.main(command) == 0
    config = settings.from_toml(whole / "config.toml")
    file = folder / "ringing.py"
    assert (config.network.neuron, config.network.recurrent) == (f"{file.resolve()}:RINGING", True)
    assert session.train(config, stopped, Stopping(io.StringIO())).test is None
    _refuses_an_edited_neuron(file, stopped, capsys)
    assert cli.main(["train", "--run", str(stopped), "--resume"]) == 0
    model = "model.safetensors"
    assert (whole / model).read_bytes() == (stopped / model).read_bytes()
    one, other = ([(m.epoch, m.split, m.loss) for m in read(run / "metrics.jsonl")] for run in (whole, stopped))
    assert one == other
    assert len(one) == 5  # training and validation in two epochs, and the test
