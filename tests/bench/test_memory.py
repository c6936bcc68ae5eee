"""Memory beyond weights, gradients and moments, measured in another process."""

import sys

import numpy as np
import pytest

from spikeloom.bench import memory, problem
from spikeloom.bench.cases import Case, Workload


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process clear the record of its peak")
def test_a_peak_is_cleared_and_grows_again() -> None:
    memory.clear_peak()
    before = memory.peak_bytes()
    block = np.ones(1 << 23)  # 64 MiB
    grown = memory.peak_bytes()
    del block
    memory.clear_peak()
    after = memory.peak_bytes()
    assert before is not None
    assert grown is not None
    assert after is not None
    assert grown - before > 60 << 20
    assert after - before < 16 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process clear the record of its peak")
def test_plain_torch_keeps_what_its_backward_pass_needs() -> None:
    case = Case("small", inputs=500, steps=50, classes=3)
    made = problem.make(Workload(case, activity=0.05, hidden_activity=0.05, hidden=(700,), batch=40))
    measured = memory.extra_bytes("per_step_fp32", made, 1)
    # The input, and of each neuron and step what the products and the three operations of a step keep.
    inputs, kept = 4 * 50 * 40 * 500, 3 * 4 * 50 * 40 * 700
    assert measured is not None
    assert inputs + kept <= measured < 2 * (inputs + kept) + (8 << 20)


def test_a_failure_is_told() -> None:
    made = problem.make(Workload(Case("small", 20, 5, 2), activity=0.3, hidden_activity=0.2, hidden=(30,), batch=2))
    with pytest.raises(RuntimeError, match="memory of nobody(.|\n)*one of spikeloom"):
        memory.extra_bytes("nobody", made, 1)
