"""`fit` from Python: the same loop as the command line, for any network and loader."""

import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import answer, stand_in
from recordings import small_config, write_nmnist
from torch import Tensor, nn

import spikeloom.train
from spikeloom import InputError, Spikes, gpu
from spikeloom.data.loader import Loader
from spikeloom.data.nmnist import NMNIST
from spikeloom.nn import LI, LIF, Sequential
from spikeloom.train import fit, fitting, memory, session
from spikeloom.train import run as runs
from spikeloom.train.metrics import read
from spikeloom.train.report import Report


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist") / "data")


def net(**settings: Any) -> Sequential:
    torch.manual_seed(5)
    return Sequential(LIF(2312, 32, **settings), LI(32, 10))


def loader(data: Path, split: str = "train") -> Loader:
    return Loader(NMNIST(str(data), split), batch_size=8, dt_ms=2.0, steps=20, shuffle=split == "train", seed=3)


def quiet() -> Report:
    return Report(io.StringIO())


def weights(network: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}


SETTINGS: dict[str, Any] = {"epochs": 3, "learning_rate": 0.02}


def test_it_learns_and_leaves_the_best_weights(data: Path, tmp_path: Path) -> None:
    network = net()
    history = fit(network, loader(data), loader(data, "test"), epochs=8, learning_rate=0.02, report=quiet())
    assert [(line.epoch, line.split) for line in history.metrics[:3]] == [
        (1, "train"),
        (1, "validation"),
        (2, "train"),
    ]
    assert history.best is not None
    assert history.best.accuracy == max(line.accuracy for line in history.split("validation")) > 0.9
    assert len(history.split("train")) == 8
    table = history._repr_html_()
    assert table.count("<tr>") == 17
    assert "<td>validation</td>" in table


def test_it_does_what_the_command_line_does(data: Path, tmp_path: Path) -> None:
    config = small_config(data, validation="0", initial_activity="none")
    session.train(config, tmp_path / "run", quiet())
    batches = session.loaders(config).train
    network = runs.classifier(config, batches.dataset.sensor, 10).network
    history = fit(network, batches, epochs=2, learning_rate=0.02, threads=1, report=quiet())
    lines = [line for line in read(tmp_path / "run" / "metrics.jsonl") if line.split == "train"]
    assert [line.loss for line in history.metrics] == [line.loss for line in lines]
    assert weights(network) == weights(spikeloom.load(tmp_path / "run").network)


def test_the_same_call_gives_the_same_bits_whatever_ran_before(data: Path) -> None:
    results = []
    for number in range(2):
        network = net(max_activity=0.1)
        torch.manual_seed(number)
        before = torch.get_rng_state()
        fit(network, loader(data), report=quiet(), **SETTINGS)
        assert torch.equal(torch.get_rng_state(), before)
        results.append(weights(network))
    assert results[0] == results[1]


class Stopping(Report):
    """A report during which the user presses Ctrl-C."""

    def line(self, text: str) -> None:
        super().line(text)
        if text.startswith("epoch 2"):
            signal.raise_signal(signal.SIGINT)


def test_a_run_folder_and_the_way_back_to_it(data: Path, tmp_path: Path) -> None:
    whole, network, report = net(), net(), Stopping(io.StringIO())
    fit(whole, loader(data), loader(data, "test"), run=tmp_path / "whole", report=quiet(), **SETTINGS)
    given: dict[str, Any] = {"run": tmp_path / "run", **SETTINGS}
    stopped = fit(network, loader(data), loader(data, "test"), report=report, **given)
    assert stopped.best is None
    said = report.stream.getvalue().splitlines()  # type: ignore[attr-defined]
    assert said[-1] == f'stopped; go on with fit(…, run="{tmp_path / "run"}", resume=True)'
    again = net()
    history = fit(again, loader(data), loader(data, "test"), resume=True, report=quiet(), **given)
    assert weights(again) == weights(whole)
    assert [line.epoch for line in history.split("train")] == [1, 2, 3]
    files = ["checkpoints", "fit.json", "metrics.csv", "metrics.jsonl", "model.safetensors"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == files
    model = "model.safetensors"
    assert (tmp_path / "run" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()


def test_resume_begins_what_is_not_there_and_ends_what_is_done(data: Path, tmp_path: Path) -> None:
    report, network, again = quiet(), net(), net()
    given: dict[str, Any] = {"run": str(tmp_path / "run"), "resume": True, "epochs": 1, "report": report}
    first = fit(network, loader(data), **given)
    assert report.stream.getvalue().startswith(f"run folder {tmp_path / 'run'} does not exist yet")  # type: ignore[attr-defined]
    assert fit(again, loader(data), **given) == first
    assert weights(again) == weights(network)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"loss": 1}', '{"loss": "per_step", "training": 3}'])
def test_damaged_settings_of_a_folder_are_an_error_and_let_go_of_it(data: Path, tmp_path: Path, content: str) -> None:
    given: dict[str, Any] = {"run": tmp_path / "run", "epochs": 1, "report": quiet()}
    fit(net(), loader(data), **given)
    settings = tmp_path / "run" / "fit.json"
    whole = settings.read_text()
    settings.write_text(content)
    with pytest.raises(InputError, match=r"fit\.json: expected the settings of a training, got .*; choose another"):
        fit(net(), loader(data), resume=True, **given)
    settings.write_text(whole)
    assert fit(net(), loader(data), resume=True, **given).best is not None


def test_stopped_without_a_folder_it_keeps_what_it_has(data: Path) -> None:
    report = Stopping(io.StringIO())
    history = fit(net(), loader(data), epochs=9, report=report)
    assert [line.epoch for line in history.metrics] == [1, 2]
    assert report.stream.getvalue().endswith("stopped\n")  # type: ignore[attr-defined]


class Own(nn.Module):
    """A user's own network."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = LIF(16, 8), nn.Linear(8, 2)

    def forward(self, x: Spikes | Tensor) -> tuple[Tensor, None]:
        spikes, _ = self.hidden(x)
        return self.out(spikes.dense()), None


def frames(kind: str) -> tuple[Any, Tensor]:
    random = torch.Generator().manual_seed(1)
    values = torch.rand(12, 6, 16, generator=random)
    x = {"real": values, "binary": (values < 0.3).float(), "spikes": Spikes.from_dense((values < 0.3).float())}[kind]
    return x, torch.arange(6) % 2


@pytest.mark.parametrize("kind", ["real", "binary", "spikes"])
@pytest.mark.parametrize("make", [Own, lambda: Sequential(LIF(16, 8), LI(8, 2))], ids=["own", "sequential"])
def test_any_network_and_any_batches(tmp_path: Path, kind: str, make: Any) -> None:
    network = make()
    before = weights(network)
    history = fit(network, [frames(kind)], [frames(kind)], epochs=2, clip_norm=1.0, accumulate=2, report=quiet())
    assert history.best is not None
    assert weights(network) != before
    assert 0 < history.best.activity["input"] <= 1
    assert len(history.best.activity) == 2


@pytest.mark.parametrize("setting", [{"time_chunk": 5}, {"tbptt": 4}, {"activity_penalty": 1.0, "activity_high": 0.1}])
@pytest.mark.parametrize("kind", ["real", "binary"])
def test_a_sequential_takes_every_setting(kind: str, setting: dict[str, Any]) -> None:
    history = fit(Sequential(LIF(16, 8), LI(8, 2)), [frames(kind)], epochs=1, report=quiet(), **setting)
    assert history.best is not None


def test_settings_that_look_into_layers(data: Path) -> None:
    network = net()
    fit(network, loader(data), epochs=1, initial_activity=0.1, anneal_window=True, report=quiet())
    assert float(network[0].second_threshold) > -100
    with pytest.raises(InputError, match="initial_activity: expected None for a network that is no .*Sequential"):
        fit(Own(), [frames("real")], initial_activity=0.1, report=quiet())
    mixed = Sequential(LIF(16, 8), LIF(8, 8, second_threshold=0.5), LI(8, 2))
    with pytest.raises(InputError, match="anneal_window: expected layers with one second_threshold"):
        fit(mixed, [frames("binary")], anneal_window=True, report=quiet())


class Endless:
    """Batches without a length."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter([frames("binary")])


@pytest.mark.parametrize(
    ("network", "batches", "settings", "message"),
    [
        (Own(), [frames("real")], {"lr": 1}, "setting: expected a known key, got lr; known are"),
        (Own(), [frames("real")], {"acumulate": 1}, "setting: .* got acumulate; did you mean accumulate"),
        (Own(), [frames("real")], {"epochs": "3"}, "epochs: expected int, got '3'"),
        (Own(), [frames("real")], {"clip_norm": True}, "clip_norm: expected float or none, got True"),
        (Own(), [frames("real")], {"epochs": 0}, "epochs: expected an integer of at least 1, got 0"),
        (Own(), [frames("real")], {"loss": "per_stp"}, "loss: expected a known name, got per_stp; did you mean per_st"),
        (Own(), [frames("real")], {"patience": 1}, "patience: expected validation batches beside it"),
        (Own(), [frames("real")], {"resume": True}, "resume: expected run beside it, the folder of the training"),
        (Own(), [frames("real")], {"resume": True, "run": "r"}, "resume: expected a Loader, .*, got list; make one"),
        (Own(), [frames("real")], {"tensorboard": True}, "tensorboard: expected run beside it"),
        (Own(), [frames("real")], {"run": "."}, "run folder: expected one that does not exist yet"),
        (Own(), [], {}, "loader: expected at least one batch, got none"),
        (Own(), Endless(), {}, "loader: expected something with a length that yields batches .*, got Endless"),
        (Own(), [torch.zeros(3, 2, 16)], {}, "loader: expected pairs .x, labels., got Tensor"),
        (
            Own(),
            [(torch.zeros(2, 16), torch.zeros(2))],
            {},
            r"x: expected Spikes or a tensor \[T, B, N\], got \(2, 16\)",
        ),
        (Own(), [(torch.zeros(3, 2, 16), [0, 1])], {}, r"labels: expected a tensor \[B\] of integers, got list"),
        (Own(), [(torch.zeros(3, 2, 16), torch.zeros(2))], {}, "labels: expected integers, got torch.float32"),
        (nn.ReLU(), [frames("real")], {}, "net: expected weights to train, got none"),
        (nn.Linear(16, 2), [frames("real")], {}, r"net: expected a module that returns \(output, state\), got Tensor"),
        (None, [frames("real")], {}, "net: expected a torch.nn.Module, got NoneType"),
    ],
)
def test_what_cannot_be_meant_is_refused(network: Any, batches: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(network, batches, report=quiet(), **settings)


def test_other_settings_are_refused_on_resume(data: Path, tmp_path: Path) -> None:
    fit(net(), loader(data), run=tmp_path / "run", epochs=1, report=quiet())
    for changed in ({"epochs": 2}, {"epochs": 1, "loss": "max_membrane"}):
        name = list(changed)[-1]
        with pytest.raises(InputError, match=f"{name}: expected .*, as .*run has it, got .*; go on with the same"):
            fit(net(), loader(data), run=tmp_path / "run", resume=True, report=quiet(), **changed)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"run: expected a folder that fit made, got .*empty, without fit\.json"):
        fit(net(), loader(data), run=tmp_path / "empty", resume=True, report=quiet())


def test_another_network_is_refused_on_resume(data: Path, tmp_path: Path) -> None:
    fit(net(), loader(data), run=tmp_path / "run", epochs=1, report=quiet())
    other = Sequential(LIF(2312, 40), LI(40, 10))
    with pytest.raises(InputError, match=r"checkpoint: parameter\.\d\.weight: expected .*; the settings or the"):
        fit(other, loader(data), run=tmp_path / "run", resume=True, epochs=1, report=quiet())


def test_what_does_not_fit_into_memory_is_not_begun(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    with pytest.raises(InputError, match="memory: expected about .* free for a training step .*; lower batch_size"):
        fit(net(), loader(data), report=quiet())


def test_a_gpu_that_is_not_there_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, built=False)
    with pytest.raises(InputError, match=r'^device="cuda": expected a GPU that torch can use, got a build of torch wi'):
        fit(net(), loader(data), device="cuda", report=quiet())
    with pytest.raises(InputError, match=r"^device: expected cpu, cuda or cuda:N, N a GPU's number, got 'gpu'"):
        fit(net(), loader(data), device="gpu", report=quiet())


def test_a_network_is_trained_where_it_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(gpu, "usable", lambda device, said: asked.append(device) or torch.device("cpu"))
    fit(net(), loader(data), epochs=1, report=quiet())
    assert asked == ["cpu"]
    assert fitting._place_of(torch.nn.Linear(2, 2, device="meta")) == "meta"


@pytest.mark.parametrize("settings", [{}, {"clip_norm": 0.5, "accumulate": 2}, {"tbptt": 6}, {"time_chunk": 6}])
def test_what_is_read_late_is_what_is_read_at_once(
    data: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """The steps of a GPU, on the CPU: the same numbers, within rounding of the norm alone, with a read for a batch."""
    networks = net(max_activity=0.2), net(max_activity=0.2)
    at_once = fit(networks[0], loader(data), loader(data, "test"), report=quiet(), **SETTINGS, **settings)
    asked = stand_in(monkeypatch)
    late = fit(networks[1], loader(data), loader(data, "test"), report=quiet(), **SETTINGS, **settings)
    for one, other in zip(at_once.metrics, late.metrics, strict=True):
        assert (other.epoch, other.split) == (one.epoch, one.split)
        assert other.loss == pytest.approx(one.loss, rel=1e-5)
        assert other.accuracy == one.accuracy
        assert other.activity == pytest.approx(one.activity, rel=1e-4)
    if "clip_norm" not in settings:
        assert weights(networks[0]) == weights(networks[1])
    # Three batches to train on and two to validate; the last of an odd number moves the weights by itself.
    assert asked.count("read") == 3 * (3 + 2 + ("accumulate" in settings))


def test_the_package_gives_it_when_asked() -> None:
    assert spikeloom.train.fit is fit
    with pytest.raises(AttributeError, match="no attribute 'fti'"):
        spikeloom.train.fti  # noqa: B018
