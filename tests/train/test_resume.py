"""A run that is killed or stopped and resumed ends with the bits of an unbroken one."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
import torch
from fake_gpu import Generators, answer, stand_in
from recordings import small_config, write_nmnist
from stopped_runs import assert_same, last_checkpoint, lines_of, quiet, stopped_after

from spikeloom import InputError, cli
from spikeloom.train import checkpoint, loop, session, settings, snapshot
from spikeloom.train import run as runs
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders
from spikeloom.train.keepers import Memory
from spikeloom.train.loop import Loop, trainer_for
from spikeloom.train.metrics import read
from spikeloom.train.report import Report
from spikeloom.train.run import Run

KILLS = 50
# Checkpoints in the middle of an epoch come at every training step or so.
OFTEN = {"checkpoint_minutes": "0.00001", "epochs": "4"}
COMMAND = [sys.executable, "-c", "import sys; from spikeloom.cli import main; sys.exit(main())"]

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork to start warm processes with")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist") / "data")


def forked(work: Callable[[], object]) -> int:
    """The process that does this, a copy of this one; the code it leaves with is 0 if no exception came."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def killed_after(child: int, seconds: float) -> bool:
    """Kill a process; whether it still ran."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def kill_until_finished(config: Config, folder: Path, chance: random.Random, longest: float) -> int:
    """Start and resume a run until it ends, and kill it at random moments; returns how often."""
    kills = 0
    while True:
        child = forked(lambda: resume_or_begin(config, folder))
        # Some die at once, in the making of the folder or the reading of the checkpoint.
        if not killed_after(child, chance.uniform(0, chance.choice([0.05, longest]))):
            return kills
        kills += 1
        # On a machine that has become busy a run may not come to its first checkpoint in the time measured before.
        longest *= 1.05


def resume_or_begin(config: Config, folder: Path) -> None:
    torch.set_num_threads(1)
    outcome = session.resume(folder, None, None, quiet()) if folder.exists() else session.train(config, folder, quiet())
    assert outcome.test is not None


ROUTES = {
    "sparse": {"max_activity": "0.5", "jitter_pixels": "1", "accumulate": "2"},
    "dense": {"sparse": "false", "hidden": "96,80", "recurrent": "true", "bias": "true", "validation": "0"},
}


@forks
@pytest.mark.parametrize("route", ROUTES)
def test_kills_at_random_moments_leave_no_trace(data: Path, tmp_path: Path, route: str) -> None:
    config = small_config(data, **OFTEN, **ROUTES[route])
    session.train(config, tmp_path / "first", quiet())  # compiles
    before = time.monotonic()
    session.train(config, tmp_path / "unbroken", quiet())
    alone = time.monotonic() - before
    chance, kills, runs = random.Random(1), 0, 0
    # A few runs each, so that every part of one is met.
    while kills < KILLS // len(ROUTES) or runs < 3:
        folder = tmp_path / f"killed-{runs}"
        kills += kill_until_finished(config, folder, chance, alone)
        assert_same(tmp_path / "unbroken", folder)
        runs += 1


@pytest.mark.parametrize("route", ROUTES)
def test_moments_come_back_laid_out_as_the_weights(data: Path, tmp_path: Path, route: str) -> None:
    """The fused optimiser asks for that; dense routes lay weights out anew on their first batch."""
    config = small_config(data, **ROUTES[route], epochs="1")
    session.train(config, tmp_path / "run", quiet())
    found, _ = checkpoint.newest(tmp_path / "run")
    assert found is not None
    batches = loaders(config)
    model = runs.classifier(config, batches.train.dataset.sensor, 10)
    training = Loop(trainer_for(model, config.training, len(batches.train)), batches.train, None, Memory(), quiet())
    training.go_on_from(found)
    parameters = dict(model.network.named_parameters())
    assert {name: list(value.stride()) for name, value in parameters.items()} == found.state["strides"]
    for value in parameters.values():
        state = training.trainer.optimizer.state[value]
        assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == value.stride()
    laid_out_anew = any(not value.is_contiguous() for value in parameters.values())
    assert laid_out_anew is (route == "dense")


def test_a_finished_run_says_so(data: Path, tmp_path: Path) -> None:
    first, report = quiet(), quiet()
    session.train(small_config(data), tmp_path / "run", first)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    outcome = session.resume(tmp_path / "run", report=report)
    assert outcome.test == read(tmp_path / "run" / "metrics.jsonl")[-1]
    assert lines_of(report)[0] == f"run {tmp_path / 'run'} is finished"
    assert lines_of(report)[1:] == lines_of(first)[-4:]
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_folder_that_is_not_there_is_begun_where_a_recipe_is_given(data: Path, tmp_path: Path) -> None:
    session.train(small_config(data, epochs="1"), tmp_path / "run", quiet())
    config, report = tmp_path / "run" / "config.toml", quiet()
    session.resume(tmp_path / "new", str(config), report=report)
    assert lines_of(report)[0] == f"run folder {tmp_path / 'new'} does not exist yet: beginning the run"
    assert_same(tmp_path / "run", tmp_path / "new")
    with pytest.raises(InputError, match="run folder: expected a folder that spikeloom train made, got .*nowhere"):
        session.resume(tmp_path / "nowhere", report=quiet())


def test_a_run_that_died_before_its_first_checkpoint_begins_again(data: Path, tmp_path: Path) -> None:
    config = small_config(data, epochs="1")
    session.train(config, tmp_path / "whole", quiet())
    Run.create(tmp_path / "early", config).close()
    (tmp_path / "early" / "metrics.jsonl").write_bytes((tmp_path / "whole" / "metrics.jsonl").read_bytes()[:99])
    session.resume(tmp_path / "early", report=quiet())
    assert_same(tmp_path / "whole", tmp_path / "early")


@pytest.mark.parametrize(
    ("recipe", "given", "message"),
    [
        ("digits", {}, "RECIPE: expected small, as .* has it, got digits; leave it out"),
        ("digts", {}, "RECIPE: expected small, as .* has it, got digts; leave it out"),
        ("other.toml", {}, "learning_rate: expected 0.02, as .* has it, got 0.5; leave it out"),
        (None, {"epochs": "3"}, "epochs: expected 2, as .* has it, got 3; leave it out"),
        (None, {"epoch": "3"}, "setting: expected a known key, got epoch; did you mean epochs"),
    ],
)
def test_other_settings_are_refused(
    data: Path, tmp_path: Path, recipe: str | None, given: dict[str, str], message: str
) -> None:
    Run.create(tmp_path / "run", small_config(data)).close()
    if recipe == "other.toml":
        recipe = str(tmp_path / recipe)
        Path(recipe).write_text(settings.to_toml(small_config(data, learning_rate="0.5")))
    with pytest.raises(InputError, match=message):
        session.resume(tmp_path / "run", recipe, given, quiet())


def test_settings_that_the_run_has_may_be_repeated(data: Path, tmp_path: Path) -> None:
    Run.create(tmp_path / "run", small_config(data)).close()
    outcome = session.resume(tmp_path / "run", "small", {"epochs": "2", "learning_rate": "0.02"}, quiet())
    assert outcome.test is not None


def test_a_run_goes_on_on_another_device(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped on a GPU, for which the CPU stands in, it ends on the CPU with the same bits, and says where it is."""
    config, run = small_config(data, device="cuda", epochs="3"), tmp_path / "run"
    session.train(small_config(data, epochs="3"), tmp_path / "whole", quiet())
    with monkeypatch.context() as patch:
        stand_in(patch)
        patch.setattr(loop, "_machine", lambda device: {"device": "GPU 0", "torch": torch.__version__})
        stopped_after(config, run, 1)
    answer(monkeypatch, built=False)
    with pytest.raises(InputError, match="^--device cuda: expected a GPU that torch can use, got a build of torch wit"):
        session.resume(run, report=quiet())
    report = quiet()
    assert session.resume(run, None, {"device": "cpu"}, report).test is not None
    assert "device is the CPU, was GPU 0: results agree within rounding, not to the bit" in lines_of(report)
    assert_same(tmp_path / "whole", run)
    assert 'device = "cuda"' in (run / "config.toml").read_text()


def test_random_numbers_of_a_gpu_are_kept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, gpu = small_config(data), torch.device("cuda", 0)
    batches = loaders(config)
    model = runs.classifier(config, batches.train.dataset.sensor, 10)
    optimizer = trainer_for(model, config.training, 3).optimizer
    generators = Generators(monkeypatch)
    monkeypatch.setattr(snapshot, "_device", lambda network: gpu)
    tensors, strides = snapshot.take(model.network, optimizer)
    assert all(value.device.type == "cpu" for value in tensors.values())
    wanted = generators.draw()
    assert generators.draw() != wanted
    snapshot.give_back(model.network, optimizer, tensors, strides)
    assert generators.draw() == wanted
    # One that began on the CPU has none to give back, and one that goes on there leaves them.
    del tensors[snapshot.GPU_RANDOM]
    snapshot.give_back(model.network, optimizer, tensors, strides)
    assert generators.draw() != wanted


def test_two_processes_never_write_to_one_run(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="this system has no locks on files")
    with Run.create(tmp_path / "run", small_config(data)):
        message = "run folder: expected one that no process writes to, got .*run; wait until it ends, or stop it"
        with pytest.raises(InputError, match=message):
            session.resume(tmp_path / "run", report=quiet())
    assert session.resume(tmp_path / "run", report=quiet()).test is not None


def test_a_torn_checkpoint_is_passed_over_and_said(data: Path, tmp_path: Path) -> None:
    config = small_config(data, epochs="4")
    session.train(config, tmp_path / "whole", quiet())
    folder = tmp_path / "torn"
    stopped_after(config, folder, epochs=3)
    torn = last_checkpoint(folder) / "state.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    report = quiet()
    session.resume(folder, report=report)
    said = lines_of(report)
    assert said[0] == f"checkpoint {torn.parent} is not whole: its digest does not fit"
    assert said[2].startswith(f"going on from {folder / 'checkpoints'}")
    assert said[2].endswith(": epoch 3, step 1")
    assert_same(tmp_path / "whole", folder)


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_run_stopped_by_ctrl_c_goes_on(data: Path, tmp_path: Path, epochs: int) -> None:
    config = small_config(data, epochs="3", patience="3")
    session.train(config, tmp_path / "whole", quiet())
    stopped_after(config, tmp_path / "run", epochs)
    assert session.evaluate_run(tmp_path / "run", None, "test", quiet()).epoch <= epochs
    report = quiet()
    assert session.resume(tmp_path / "run", report=report).test is not None
    assert_same(tmp_path / "whole", tmp_path / "run")


class Pressing(Report):
    """A report during which the user presses Ctrl-C so many times, at a batch of the first work of this title."""

    def __init__(self, title: str, batch: int, presses: int = 1) -> None:
        super().__init__(io.StringIO())
        self.title, self.batch, self.presses = title, batch, presses

    @contextmanager
    def progress(self, title: str, total: int, *rest: Any, **more: Any) -> Iterator[Callable[[], None]]:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if title == self.title and done == self.batch:
                for _ in range(self.presses):
                    signal.raise_signal(signal.SIGINT)

        yield advance


@pytest.mark.parametrize("accumulate", ["1", "2"])
@pytest.mark.parametrize(("title", "batch"), [("epoch 2", 1), ("epoch 2", 3), ("validation", 1), ("test", 1)])
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_at_any_moment_loses_nothing(
    data: Path, tmp_path: Path, title: str, batch: int, presses: int, accumulate: str
) -> None:
    config = small_config(data, accumulate=accumulate, anneal_window="true")
    session.train(config, tmp_path / "whole", quiet())
    report, run = Pressing(title, batch, presses), tmp_path / "run"
    before = signal.getsignal(signal.SIGINT)
    assert session.train(config, run, report).test is None
    assert signal.getsignal(signal.SIGINT) is before
    assert lines_of(report)[-1] == f"stopped; go on with: spikeloom train --run {run} --resume"
    again = quiet()
    assert session.resume(run, report=again).test is not None
    # The second press stops at once: what came after the last checkpoint is done again.
    at_once = presses == 2 and title == "epoch 2"
    assert any("epoch 2, step 1" in line for line in lines_of(again)[:2]) is at_once
    assert_same(tmp_path / "whole", run)


def test_other_recordings_are_noticed(data: Path, tmp_path: Path) -> None:
    moved = write_nmnist(tmp_path / "moved")
    stopped_after(small_config(moved), tmp_path / "run", 1)
    for path in sorted((moved / "Train" / "0").iterdir())[1:]:
        path.unlink()
    with pytest.raises(InputError, match="data: expected 3 batches, got 2; the recordings have changed since"):
        session.resume(tmp_path / "run", report=quiet())


def test_metrics_that_were_cut_are_noticed(data: Path, tmp_path: Path) -> None:
    stopped_after(small_config(data), tmp_path / "run", 1)
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    with pytest.raises(InputError, match=r"metrics.jsonl: expected at least \d+ bytes, got 0; the file has been"):
        session.resume(tmp_path / "run", report=quiet())


def test_patience_needs_validation(data: Path, tmp_path: Path) -> None:
    message = "patience: expected validation samples beside it, .*, got none; set validation=0.1, or patience=none"
    with pytest.raises(InputError, match=message):
        session.train(small_config(data, patience="2", validation="0"), tmp_path / "run", quiet())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume: expected --run beside it, the folder of the run, got none"),
        ([], "RECIPE: expected a recipe or a config.toml, got none; see spikeloom recipes"),
        (["--run", "nowhere", "--resume"], "run folder: expected a folder that spikeloom train made, got nowhere"),
    ],
)
def test_the_command_line_says_what_it_needs(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err


def started(*arguments: str) -> "subprocess.Popen[str]":
    """The command line in a process of its own, once its first epoch is done."""
    process = subprocess.Popen([*COMMAND, "train", *arguments], stdout=PIPE, stderr=PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to one process")
def test_the_command_line_resumes_after_a_kill_and_after_ctrl_c(data: Path, tmp_path: Path) -> None:
    run, whole, config = tmp_path / "run", tmp_path / "whole", tmp_path / "config.toml"
    settled = small_config(data, epochs="40", patience="39")
    config.write_text(settings.to_toml(settled))
    process = started(str(config), "--run", str(run))
    process.kill()
    process.communicate()
    process = started(str(config), "--run", str(run), "--resume")
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert said.splitlines()[-1] == f"stopped; go on with: spikeloom train --run {run} --resume"
    assert cli.main(["train", "--run", str(run), "--resume"]) == 0
    session.train(settled, whole, quiet())
    assert_same(whole, run)
