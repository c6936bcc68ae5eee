"""Random numbers that are kept, given back and fixed, on the CPU and of a GPU, for whose a generator here stands in."""

import pytest
import torch
from fake_gpu import Generators

from spikeloom.train import chance

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def both(generators: Generators) -> tuple[list[float], list[float]]:
    return torch.rand(3).tolist(), generators.draw()


def test_what_is_given_back_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    generators = Generators(monkeypatch)
    state = chance.take(GPU)
    first = both(generators)
    assert both(generators) != first
    chance.give_back(state, GPU)
    assert both(generators) == first


def test_a_run_on_the_cpu_leaves_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    generators = Generators(monkeypatch)
    state = chance.take(CPU)
    assert state.gpu is None
    drawn = generators.draw()
    chance.give_back(state, CPU)
    with chance.fixed_chance(CPU):
        pass
    assert generators.draw() not in (drawn, Generators(monkeypatch, seed=0).draw())


def test_a_state_without_a_gpu_leaves_its_numbers_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    generators = Generators(monkeypatch)
    before = chance.take(GPU)
    chance.give_back(chance.take(CPU), GPU)
    again = Generators(monkeypatch)
    assert before.gpu is not None
    assert generators.draw() == again.draw()


def test_chance_is_fixed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    generators = Generators(monkeypatch)
    state = chance.take(GPU)
    wanted = both(generators)
    chance.give_back(state, GPU)
    with chance.fixed_chance(GPU):
        fixed = both(generators)
    assert both(generators) == wanted
    with chance.fixed_chance(GPU):
        assert both(generators) == fixed
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert torch.rand(3).tolist() == fixed[0]
