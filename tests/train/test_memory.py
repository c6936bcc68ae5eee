"""The estimate of what a step takes, against what it took in a process of its own.

Run as a program, this file prints the estimate and the measured peak of each of `SHAPES`.
"""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import CLASSES, batch, classifier

from spikeloom import Spikes
from spikeloom.bench import memory as peaks
from spikeloom.data.binning import Binning
from spikeloom.data.events import Sensor
from spikeloom.nn import init
from spikeloom.ops import arrays, pool
from spikeloom.optim import AdamW
from spikeloom.train import memory
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import NetworkSettings, TrainingSettings
from spikeloom.train.step import Trainer

SHAPES = [
    # inputs, hidden, steps, samples; the most are: entries, weights, the output's states, dense products, kept states,
    # sums over groups of samples, adjoints of a recurrent layer
    (700, (512, 256), 400, 32, {}, {}),
    (2312, (1024, 512), 20, 8, {}, {}),
    (700, (512,), 4000, 8, {}, {"time_chunk": 200}),
    (700, (512, 256), 100, 32, {"sparse": False}, {}),
    (700, (512, 256), 200, 32, {"learn": ("beta", "gain")}, {}),
    (4608, (64,), 50, 16, {}, {}),
    (700, (512,), 100, 64, {"recurrent": True}, {}),
]


def main() -> None:
    torch.set_num_threads(1)
    # What compiles kernels is not measured.
    settings = ({}, {"sparse": False}, {"learn": ("beta", "gain")}, {"recurrent": True})
    for shape in (*((64, (64, 64), 4, 2, some, {}) for some in settings), *SHAPES):
        print(*measure(*shape))


def measure(
    inputs: int, hidden: tuple[int, ...], steps: int, samples: int, network: dict[str, Any], training: dict[str, Any]
) -> tuple[int, int]:
    """The estimate of a step without what is there before it, and its peak, in bytes."""
    torch.manual_seed(0)
    spikes = Spikes.from_dense(torch.rand(steps, samples, inputs) < 0.05)
    binning = Binning(Sensor(inputs, 1, 1), 1.0, steps)
    model = Classifier(NetworkSettings(hidden=hidden, **network), binning, CLASSES)
    init.scale_to_activity_(model.network, spikes[:100], 0.05)
    settings = TrainingSettings(**training)
    needed = memory.estimate(model, spikes, settings)
    # Memory that the shape before has left to be taken again.
    pool._kept.clear()
    vars(arrays._own).clear()
    gc.collect()
    peaks.clear_peak()
    before = peaks.peak_bytes()
    trainer = Trainer(model, AdamW(model.network.parameters()), settings, total=9)
    for number in range(2):
        trainer.step(spikes, torch.arange(samples) % CLASSES, f"step {number}")
    # No checkpoint is made here.
    return needed.total - needed.there - needed.parts["checkpoint"], peaks.peak_bytes() - before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process clear the record of its peak")
def test_the_estimate_is_within_a_factor_of_two() -> None:
    environment = os.environ | peaks.ENVIRONMENT | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = [[int(size) for size in line.split()] for line in done.stdout.splitlines()][-len(SHAPES) :]
    for shape, (estimated, measured) in zip(SHAPES, found, strict=True):
        assert measured / 2 < estimated < 2 * measured, (shape, estimated, measured)


def test_what_chunks_and_annealing_change() -> None:
    model, (spikes, _) = classifier(), batch(steps=1000)
    whole = memory.estimate(model, spikes, TrainingSettings()).parts
    exact = memory.estimate(model, spikes, TrainingSettings(time_chunk=100)).parts
    cut = memory.estimate(model, spikes, TrainingSettings(tbptt=100)).parts
    for parts in (exact, cut):
        assert parts["windows"] == pytest.approx(whole["windows"] / 10, rel=0.01)
        assert parts["spikes"] == whole["spikes"] / 10
        assert [parts[name] for name in ("weights", "output")] == [whole[name] for name in ("weights", "output")]
    # Nine borders of states and spikes of 128, 64 and 64 neurons.
    assert (exact["states"], cut["states"]) == (9 * spikes.batch * 256 * 2 * 4, 0)
    wide = memory.estimate(model, spikes, TrainingSettings(anneal_window=True)).parts
    assert wide["windows"] >= 12 * 1000 * spikes.batch * 100


@pytest.mark.parametrize(
    ("settings", "kept", "states"),
    [
        ({}, 0, 2),
        ({"learn": ("beta",)}, 1, 2),
        ({"learn": ("beta", "gain"), "refractory": 2}, 3, 3),  # the membrane, the current, and who rests
        ({"neuron": "se_adlif"}, 0, 3),
        ({"neuron": "se_adlif", "learn": ("beta", "rho")}, 2, 3),
    ],
)
def test_states_are_counted(settings: dict[str, Any], kept: int, states: int) -> None:
    """Hidden layers of 128 and 64 neurons with their padding, and a readout of 64 that keeps nothing."""
    model, (spikes, _) = classifier(active=None, **settings), batch(steps=100)
    whole = memory.estimate(model, spikes, TrainingSettings()).parts
    assert (whole["kept states"], whole["states"]) == (100 * spikes.batch * (128 + 64) * 4 * kept, 0)
    chunked = memory.estimate(model, spikes, TrainingSettings(time_chunk=20)).parts
    assert chunked["kept states"] == whole["kept states"] / 5
    assert chunked["states"] == 4 * spikes.batch * 4 * ((128 + 64) * states + 64 * 2)


def test_the_estimate_leaves_no_trace() -> None:
    model, (spikes, _) = classifier(active=None, sparse="auto", max_activity=0.5, dropout=0.2), batch()
    chance = torch.get_rng_state()
    memory.estimate(model, spikes, TrainingSettings())
    assert torch.equal(torch.get_rng_state(), chance)
    assert model.training
    assert model.network[0].route is None
    assert model.seen == {}


if __name__ == "__main__":
    main()
