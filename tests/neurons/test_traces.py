"""Every neuron over time, against its equations in plain Python, one number at a time, in all resets."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from oracle import assert_close

from spikeloom.neurons import Neuron, adlif, alif, cuba_lif, if_, lif, se_adlif
from spikeloom.neurons.resets import RESETS

STEPS = 200
Trace = list[tuple[float, ...]]  # of every step: the states, then the spike


def after_reset(reset: str, u: float, s: float, threshold: float) -> float:
    return {"zero": u * (1 - s), "subtract": u - threshold * s, "none": u}[reset]


def trace_if(reset: str, currents: list[float], gain: float, threshold: float) -> Trace:
    u = s = 0.0
    trace: Trace = []
    for current in currents:
        u = after_reset(reset, u, s, threshold) + gain * current
        s = float(u >= threshold)
        trace.append((u, s))
    return trace


def trace_lif(reset: str, currents: list[float], beta: float, gain: float, threshold: float) -> Trace:
    u = s = 0.0
    trace: Trace = []
    for current in currents:
        u = beta * after_reset(reset, u, s, threshold) + gain * current
        s = float(u >= threshold)
        trace.append((u, s))
    return trace


def trace_cuba(reset: str, currents: list[float], beta: float, alpha: float, gain: float, threshold: float) -> Trace:
    u = j = s = 0.0
    trace: Trace = []
    for current in currents:
        j = alpha * j + current
        u = beta * after_reset(reset, u, s, threshold) + gain * j
        s = float(u >= threshold)
        trace.append((u, j, s))
    return trace


def trace_alif(
    reset: str, currents: list[float], beta: float, rho: float, strength: float, gain: float, threshold: float
) -> Trace:
    u = a = s = 0.0
    trace: Trace = []
    for current in currents:
        high_before = threshold + strength * a
        a = rho * a + (1 - rho) * s
        u = beta * after_reset(reset, u, s, high_before) + gain * current
        s = float(u >= threshold + strength * a)
        trace.append((u, a, s))
    return trace


def trace_adlif(
    reset: str, currents: list[float], beta: float, rho: float, a: float, b: float, gain: float, threshold: float
) -> Trace:
    u = w = s = 0.0
    trace: Trace = []
    for current in currents:
        v = after_reset(reset, u, s, threshold)
        u = beta * v + gain * current - (1 - beta) * w  # the adaptation of the step before
        w = rho * w + (1 - rho) * (a * v + b * s)
        s = float(u >= threshold)
        trace.append((u, w, s))
    return trace


def trace_se_adlif(
    reset: str, currents: list[float], beta: float, rho: float, a: float, b: float, gain: float, threshold: float
) -> Trace:
    u = w = s = 0.0
    trace: Trace = []
    for current in currents:
        v = after_reset(reset, u, s, threshold)
        w = rho * w + (1 - rho) * (a * v + b * s)
        u = beta * v + gain * current - (1 - beta) * w  # the adaptation of this step
        s = float(u >= threshold)
        trace.append((u, w, s))
    return trace


TRACES: dict[str, tuple[Callable[[str], Neuron], Callable[..., Trace], tuple[float, ...]]] = {
    "if": (if_.neuron, trace_if, (0.75, 1.25)),
    "lif": (lif.neuron, trace_lif, (0.9, 0.75, 1.25)),
    "cuba_lif": (cuba_lif.neuron, trace_cuba, (0.9, 0.6, 0.5, 1.25)),
    "alif": (alif.neuron, trace_alif, (0.9, 0.8, 1.5, 0.75, 1.25)),
    "adlif": (adlif.neuron, trace_adlif, (0.8, 0.9, 0.7, 1.5, 0.75, 1.25)),
    "se_adlif": (se_adlif.neuron, trace_se_adlif, (0.8, 0.9, 2.5, 1.5, 0.75, 1.25)),
}


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", TRACES)
def test_the_trace_is_that_of_the_equations(kind: str, reset: str) -> None:
    make, by_hand, p = TRACES[kind]
    generator = random.Random(3)
    # Without a reset a membrane that forgets nothing would only climb, were the currents not as often negative.
    currents = [generator.uniform(-1.0, 1.5 if reset != "none" else 1.0) for _ in range(STEPS)]
    want = torch.tensor(by_hand(reset, currents, *p), dtype=torch.float64)
    assert 5 < int(want[:, -1].sum()) < STEPS, "some steps with a spike, and some without"
    neuron, spike, got = make(reset), torch.zeros(()).double(), []
    state = (torch.zeros(()).double(),) * len(neuron.states)
    for current in torch.tensor(currents, dtype=torch.float64):
        state, margin = neuron.step(state, spike, current, p)
        spike = (margin >= 0).double()
        got.append(torch.stack([*state, spike]))
    assert torch.equal(torch.stack(got)[:, -1], want[:, -1])
    assert_close(torch.stack(got), want, kind="float64")


def membranes(kind: str, currents: list[float], *p: float) -> list[float]:
    return [step[0] for step in TRACES[kind][1]("zero", currents, *p)]


def test_alif_spikes_ever_more_rarely() -> None:
    """Under a constant current the threshold climbs with each spike, so that the steps between spikes grow."""
    trace = trace_alif("zero", [0.3] * 60, 1.0, 0.98, 20.0, 1.0, 1.0)
    at = [t for t, step in enumerate(trace) if step[-1]]
    gaps = [later - first for first, later in pairwise(at)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def test_adaptation_makes_a_membrane_ring_as_the_eigenvalues_say() -> None:
    """A push, and no spike: U follows |lambda|^t cos(omega t + phase), so it crosses zero every pi / omega steps."""
    beta, rho, a = 0.9, 0.9, 20.0
    u = membranes("se_adlif", [0.5, *[0.0] * 99], beta, rho, a, 0.0, 1.0, 1e9)
    trace, det = beta + rho - (1 - beta) * (1 - rho) * a, beta * rho
    omega = math.acos(trace / 2 / math.sqrt(det))
    crossings = [t for t in range(1, 40) if u[t] * u[t - 1] < 0]
    assert len(crossings) >= 3
    assert (crossings[-1] - crossings[0]) / (len(crossings) - 1) == pytest.approx(math.pi / omega, abs=0.5)
    assert max(map(abs, u[60:])) < math.sqrt(det) ** 50
