"""The estimate of what a step takes on a GPU, against the tensors that the operators' functions for GPUs make.

They run in Triton's interpreter, on the CPU, in a process of their own: run as a program, this file prints the estimate
and the measured peak of each of `SHAPES`. What torch's allocator for GPUs makes of such tensors has not been seen.
"""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import CLASSES, batch, classifier
from torch.profiler import ProfilerActivity, profile

from spikeloom import Spikes
from spikeloom.data.binning import Binning
from spikeloom.data.events import Sensor
from spikeloom.nn import init
from spikeloom.ops.operator import Operator
from spikeloom.train import gpu_memory, memory
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import NetworkSettings, TrainingSettings
from spikeloom.train.step import Trainer

INPUTS, HIDDEN, STEPS, SAMPLES = 64, (128, 64), 12, 4

SHAPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"learn": ("beta", "gain")}, {}),
    ({"sparse": False, "readout": "linear"}, {}),
    ({"recurrent": True}, {}),
    ({}, {"time_chunk": 6}),
]


def main() -> None:
    torch.set_num_threads(1)
    for network, training in SHAPES:
        print(*measure(network, training), flush=True)


def measure(network: dict[str, Any], training: dict[str, Any]) -> tuple[int, int]:
    """The estimate of a step without what is there before it and what a GPU alone has, and its peak, in bytes."""
    torch.manual_seed(0)
    spikes = Spikes.from_dense(torch.rand(STEPS, SAMPLES, INPUTS) < 0.05)
    binning = Binning(Sensor(INPUTS, 1, 1), 1.0, STEPS)
    model = Classifier(NetworkSettings(hidden=HIDDEN, **{"sparse": True} | network), binning, CLASSES)
    init.scale_to_activity_(model.network, spikes, 0.05)
    settings, labels = TrainingSettings(**training), torch.arange(SAMPLES) % CLASSES
    needed = gpu_memory.estimate(model, spikes, settings)
    optimizer: Any = torch.optim.AdamW(model.network.parameters(), fused=True)
    trainer = Trainer(model, optimizer, settings, total=9)
    trainer.step(spikes, labels, "step 1")
    with functions_of_the_gpu(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        trainer.step(spikes, labels, "step 2")
    # The gradients of the first step, which the second lets go, count as taken; the batch to come is not there.
    there = needed.there + needed.parts["moments"] + memory.batch_bytes(spikes)
    return needed.total - there, _peak(seen) + memory.weight_bytes(model)


@contextmanager
def functions_of_the_gpu() -> Iterator[None]:
    """While open, operators take their functions for GPUs, on tensors of the CPU."""
    importlib.import_module("spikeloom.ops.cuda")
    modules = [module for name, module in sys.modules.items() if name.startswith("spikeloom.ops.")]
    with pytest.MonkeyPatch.context() as patch:
        for found in {id(x): x for module in modules for x in vars(module).values()}.values():
            if isinstance(found, Operator):
                patch.setitem(found._functions, "cpu", found._functions["cuda"])
        yield


def _peak(seen: profile) -> int:
    """The most that was allocated at once, above what was there at first."""
    results = seen.profiler.kineto_results  # type: ignore[union-attr]
    sizes = [(event.start_ns(), event.nbytes()) for event in results.events() if event.name() == "[memory]"]
    most = now = 0
    for _, size in sorted(sizes, key=lambda event: event[0]):
        now += size
        most = max(most, now)
    return most


@pytest.mark.skipif(sys.platform == "win32", reason="Triton's interpreter is tried on Linux alone")
def test_the_estimate_is_within_a_factor_of_two() -> None:
    pytest.importorskip("triton", reason="Triton is not installed")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parents[1]), *sys.path])
    done = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = [[int(size) for size in line.split()] for line in done.stdout.splitlines()]
    for shape, (estimated, measured) in zip(SHAPES, found, strict=True):
        assert measured / 2 < estimated < 2 * measured, (shape, estimated, measured)


def test_what_chunks_and_annealing_change() -> None:
    model, (spikes, _) = classifier(), batch(steps=1000)
    whole = gpu_memory.estimate(model, spikes, TrainingSettings()).parts
    exact = gpu_memory.estimate(model, spikes, TrainingSettings(time_chunk=100)).parts
    wide = gpu_memory.estimate(model, spikes, TrainingSettings(anneal_window=True)).parts
    for name in ("windows", "spikes", "in hand"):
        assert exact[name] == pytest.approx(whole[name] / 10, rel=0.01)
    assert exact["output"] == whole["output"]
    assert exact["states"] == 9 * spikes.batch * 256 * 2 * 4
    assert wide["windows"] >= 12 * 1000 * spikes.batch * 100


def test_a_batch_to_come_and_dense_layers_are_counted() -> None:
    spikes, _ = batch(steps=100)
    sparse, dense = (
        gpu_memory.estimate(classifier(active=None, sparse=way), spikes, TrainingSettings()).parts
        for way in (True, False)
    )
    assert sparse["batch"] == 2 * memory.batch_bytes(spikes)
    assert sparse["dense products"] == 0
    # Of layers of 128 and 64 neurons with their padding, a slope and a spike each.
    assert dense["dense products"] == 2 * 4 * 100 * spikes.batch * (128 + 64)


if __name__ == "__main__":
    main()
