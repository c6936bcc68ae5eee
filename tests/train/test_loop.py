"""The loop: which epoch is chosen, when it ends early, what it warns of, and what a failing disk leaves."""

import errno
import io
import os
from pathlib import Path

import pytest
import torch
from recordings import small_config, write_nmnist

import spikeloom
from spikeloom import InputError
from spikeloom.train import files, loop, schedule, session
from spikeloom.train import run as runs
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders
from spikeloom.train.keepers import Memory
from spikeloom.train.loop import Loop, trainer_for
from spikeloom.train.metrics import Metrics, read
from spikeloom.train.report import Report


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist") / "data")


def quiet() -> Report:
    return Report(io.StringIO())


def looped(config: Config, keeper: Memory) -> Loop:
    batches = loaders(config)
    model = runs.classifier(config, batches.train.dataset.sensor, 10)
    trainer = trainer_for(model, config.training, len(batches.train))
    return Loop(trainer, batches.train, batches.validation, keeper, quiet())


def scripted(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> None:
    """Validation finds these accuracies, one after the other."""
    rest = iter(accuracies)

    def evaluate(model: object, loader: object, epoch: int, split: str, *others: object) -> Metrics:
        return Metrics(epoch, split, 1.0, next(rest), {"input": 0.0}, 1.0)

    monkeypatch.setattr(loop, "evaluate", evaluate)


def test_patience_ends_a_run_and_the_best_epoch_is_its_result(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    keeper = Memory()
    training = looped(small_config(data, epochs="9", patience="3"), keeper)
    best = training.run()
    assert (best.epoch, best.accuracy) == (2, 0.5)
    assert keeper.metrics()[-1].epoch == 5
    for name, value in training.trainer.model.network.state_dict().items():
        assert torch.equal(value, keeper.weights()[name]), name  # type: ignore[index]


def test_patience_begins_anew_with_each_better_epoch(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.0, 0.2, 0.0, 0.3, 0.0])
    keeper = Memory()
    assert looped(small_config(data, epochs="6", patience="2"), keeper).run().epoch == 5
    assert keeper.metrics()[-1].epoch == 6


def test_without_validation_the_last_epoch_is_the_result(data: Path) -> None:
    assert looped(small_config(data, epochs="3", validation="0"), Memory()).run().epoch == 3


@pytest.mark.parametrize(("accumulate", "steps"), [("1", 3), ("2", 2), ("3", 1), ("5", 1)])
def test_an_epoch_ends_with_a_whole_training_step(data: Path, accumulate: str, steps: int) -> None:
    training = looped(small_config(data, epochs="2", accumulate=accumulate), Memory())
    training.run()
    assert training.trainer.done == training.trainer.total == 2 * steps
    assert training.trainer.pending == 0


def test_rates_and_shares_of_each_epoch_are_recorded(data: Path) -> None:
    keeper = Memory()
    training = looped(small_config(data, epochs="3", validation="0"), keeper)
    training.run()
    # Of the last of three training steps.
    wanted = [schedule.learning_rate(step, 9, training.settings) for step in (2, 5, 8)]
    assert [line.learning_rate for line in keeper.metrics()] == wanted
    assert wanted[-1] == pytest.approx(0.02 * 0.02)
    assert all(line.loader_share is not None and 0 <= line.loader_share <= 1 for line in keeper.metrics())


def test_a_dead_layer_is_warned_of_once(data: Path) -> None:
    training = looped(small_config(data, epochs="3", validation="0", learning_rate="1e-9"), Memory())
    with torch.no_grad():
        training.trainer.model.network[1].weight.zero_()
    training.run()
    said = training.report.stream.getvalue()  # type: ignore[attr-defined]
    assert said.count("warning: layer 2 is dead: activity 0.00%") == 1


@pytest.mark.parametrize(("layer", "what"), [(0, "membranes"), (2, "outputs")])
def test_values_that_are_not_finite_in_validation_are_an_error(data: Path, layer: int, what: str) -> None:
    training = looped(small_config(data, readout="linear"), Memory())
    with torch.no_grad():
        training.trainer.model.network[layer].weight.fill_(3e38)
    assert training.validation is not None
    with pytest.raises(InputError, match=rf"^layer {layer + 1} \(.*: expected finite {what}.* at epoch 1, validation"):
        loop.evaluate(training.trainer.model, training.validation, 1, "validation", quiet())


def test_a_loss_that_is_not_finite_in_a_test_is_an_error(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = looped(small_config(data), Memory())
    # Finite outputs that lie further apart than float32 reaches have such a loss.
    monkeypatch.setattr(training.trainer.model, "loss", lambda output, labels: torch.tensor(torch.inf))
    assert training.validation is not None
    with pytest.raises(InputError, match=r"^layer 3 \(LI .*\): loss: expected finite .*, got inf .* at epoch 2, test"):
        loop.evaluate(training.trainer.model, training.validation, 2, "test", quiet())


def test_a_full_disk_ends_a_run_that_can_go_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, folder = small_config(data, epochs="4"), tmp_path / "run"
    session.train(config, tmp_path / "whole", quiet())
    writes, original = [], files.write

    def write(path: Path, content: bytes) -> None:
        writes.append(path)
        # Late in the second epoch's checkpoint.
        if len(writes) == 9:
            path.write_bytes(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", write)
        with pytest.raises(InputError, match=r"run.*: expected to write .*, got No space left on device; .*--resume"):
            session.train(config, folder, quiet())
    assert isinstance(spikeloom.load(folder), torch.nn.Module)
    assert session.resume(folder, report=quiet()).test is not None
    model = "model.safetensors"
    assert (folder / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()
    assert len(read(folder / "metrics.jsonl")) == len(read(tmp_path / "whole" / "metrics.jsonl"))


def test_checkpoints_in_time_change_nothing(data: Path, tmp_path: Path) -> None:
    for name, minutes in (("never", "1e9"), ("always", "1e-9")):
        config = small_config(data, checkpoint_minutes=minutes, checkpoints="99")
        session.train(config, tmp_path / name, quiet())
    never, always = (
        [path.name for path in sorted((tmp_path / name / "checkpoints").iterdir())] for name in ("never", "always")
    )
    assert never == ["00000003", "00000006"]
    assert always == [f"{step:08d}" for step in range(1, 7)]
    model = "model.safetensors"
    assert (tmp_path / "never" / model).read_bytes() == (tmp_path / "always" / model).read_bytes()
