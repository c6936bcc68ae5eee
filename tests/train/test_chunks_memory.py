"""Memory of a step in chunks does not grow with the steps; measured in processes of their own.

Run as a program with "whole", "time_chunk" or "tbptt", this file prints what a step takes beyond its input: at 1000
steps, and at 10000.
"""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

STEPS, SAMPLES, MB = (1000, 10_000), 8, 1 << 20


def least(kind: str) -> list[int]:
    """The least of three measurements: pages that the system is slow to take back only ever add to a peak."""
    return [min(sizes) for sizes in zip(*(measured(kind) for _ in range(3)), strict=True)]


def measured(kind: str) -> list[int]:
    """Bytes beyond the input, by the number of steps."""
    from spikeloom.bench import memory

    tests = Path(__file__).resolve().parents[1]
    environment = os.environ | memory.ENVIRONMENT | {"PYTHONPATH": str(tests)}
    done = subprocess.run(
        [sys.executable, __file__, kind], capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [int(size) for size in done.stdout.split()]


def main(kind: str) -> None:
    import torch
    from networks import batch, classifier, goal

    from spikeloom.bench import memory
    from spikeloom.train import chunks

    torch.set_num_threads(1)
    model = classifier(hidden=(256,), loss="max_membrane")
    settings = {} if kind == "whole" else {kind: 100}
    for steps in (200, *STEPS):
        spikes, labels = batch(steps=steps, samples=SAMPLES)
        gc.collect()
        memory.clear_peak()
        before = memory.peak_bytes()
        chunks.backward(goal(model, spikes, labels, **settings), spikes)
        if steps in STEPS:
            print(memory.peak_bytes() - before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process clear the record of its peak")
def test_memory_of_chunks_is_flat_and_that_of_whole_batches_grows_tenfold() -> None:
    short, long = measured("whole")
    assert long > 8 * short
    assert long > 40 * MB
    for kind in ("time_chunk", "tbptt"):
        few, many = least(kind)
        # Outputs, a few tensors [T, B, C] while the loss is taken, and the states at the borders; no more.
        assert many < few + 6 * MB, kind
        assert many < 0.2 * long, kind


if __name__ == "__main__":
    main(sys.argv[1])
