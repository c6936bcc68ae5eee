"""The cap: its rule against one written in Python's integers, its sizes, and what it leaves alone."""

import pytest
import torch
from oracle import assert_close

from spikeloom.reference.cap import cap, capacity, priority

MASK = 2**64 - 1


def priority_by_integers(seed: int, row: int, neuron: int) -> int:
    z = (seed + row * 0x9E3779B97F4A7C15 + neuron * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return (z ^ (z >> 31)) >> 32


def random_window(steps: int, batch: int, neurons: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes and window that fill from none to all of a row."""
    generator = torch.Generator().manual_seed(neurons)
    near = torch.rand(steps, batch, neurons, generator=generator)
    level = torch.rand(steps, batch, 1, generator=generator) * 1.4 - 0.2
    return (near < level - 0.2).double(), near < level


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1, -5, 123456789])
def test_priority_is_the_hash_in_python_integers(seed: int) -> None:
    rows, neurons = torch.tensor([[0], [1], [4799], [2**31]]), torch.tensor([0, 1, 63, 64, 2311, 2**20])
    got = priority(seed, rows, neurons)
    want = [[priority_by_integers(seed, int(r), int(n)) for n in neurons] for r in rows.flatten()]
    assert got.tolist() == want


def test_first_output_is_that_of_splitmix64() -> None:
    # The published generator adds its constant first: seeded with 0, its first number is 0xE220A8397B1DCDAF.
    assert int(priority(0, torch.tensor(1), torch.tensor(0))) == 0xE220A839


@pytest.mark.parametrize("neurons", [1, 33, 63, 65])
@pytest.mark.parametrize("max_activity", [0.01, 0.1, 0.5, 1.0])
def test_rule_by_brute_force(neurons: int, max_activity: float) -> None:
    steps, batch, seed = 9, 4, 2**63 + 11
    spikes, window = random_window(steps, batch, neurons)
    keep, dropped = cap(spikes, window, max_activity=max_activity, seed=seed)
    want = torch.zeros_like(window)
    for t in range(steps):
        for b in range(batch):
            inside = [n for n in range(neurons) if window[t, b, n]]
            inside.sort(key=lambda n: (spikes[t, b, n] == 0, priority_by_integers(seed, b * steps + t, n), n))
            want[t, b, inside[: capacity(max_activity, neurons)]] = True
    assert_close(keep, want, kind="exact")
    assert dropped == int((window & ~want).sum())


@pytest.mark.parametrize(
    ("max_activity", "neurons", "expected"),
    [
        (0.1, 512, 50),
        (0.01, 512, 4),
        (0.05, 1470, 72),
        (0.01, 10, 2),
        (1.0, 1, 2),
        (1.0, 65, 64),
        (0.58, 100, 58),
        (0.0138, 2312, 30),
    ],
)
def test_capacity(max_activity: float, neurons: int, expected: int) -> None:
    assert capacity(max_activity, neurons) == expected


def test_spikes_come_before_those_only_near() -> None:
    spikes, window = torch.zeros(1, 1, 100), torch.ones(1, 1, 100, dtype=torch.bool)
    spikes[0, 0, 90:95] = 1
    keep, dropped = cap(spikes, window, max_activity=0.1, seed=3)
    assert bool(keep[0, 0, 90:95].all())
    assert (int(keep.sum()), dropped) == (10, 90)


def test_a_cap_that_nothing_exceeds_drops_nothing() -> None:
    spikes, window = random_window(9, 4, 64)
    keep, dropped = cap(spikes, window, max_activity=1.0, seed=0)
    assert_close(keep, window, kind="exact")
    assert dropped == 0


def test_silence_and_a_storm() -> None:
    nothing, everything = torch.zeros(5, 2, 33), torch.ones(5, 2, 33)
    assert cap(nothing, nothing.bool(), max_activity=0.1, seed=0)[1] == 0
    keep, dropped = cap(everything, everything.bool(), max_activity=0.13, seed=0)
    assert bool((keep.sum(-1) == 4).all())
    assert dropped == 5 * 2 * 29


def test_seed_row_and_neuron_all_matter_and_the_draw_is_even() -> None:
    everything = torch.ones(50, 40, 20)
    keep, _ = cap(everything, everything.bool(), max_activity=0.5, seed=0)
    other, _ = cap(everything, everything.bool(), max_activity=0.5, seed=1)
    assert not torch.equal(keep, other)
    assert len(keep.view(-1, 20).unique(dim=0)) > 1900  # of 2000 rows
    # 2000 draws of one half each: five standard deviations are 0.056
    assert bool(((keep.double().mean((0, 1)) - 0.5).abs() < 0.056).all())
