"""The measurement of a GPU's crossover: both routes of its layer run, and what is found is kept and told."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from spikeloom import Spikes, nn

NAME = "NVIDIA H0"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[float]]:
    """A GPU by name alone, whose sparse route takes the seconds that are asked of it; gives the activities timed."""
    from spikeloom.ops.cuda import choice

    asked: list[float] = []

    class Named(choice.Problem):
        def work(self, activity: float, *, sparse: bool) -> Callable[[], None]:
            assert torch.is_grad_enabled()
            asked.append(activity)
            return lambda: asked.append(20 * activity if sparse else 0.1 + 0.1 * self.low)

    def seconds(work: Callable[[], None]) -> float:
        work()
        return asked.pop()

    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path))
    monkeypatch.setattr(choice, "Problem", Named)
    monkeypatch.setattr(choice, "fastest", seconds)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: NAME)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    choice._measured.cache_clear()
    yield asked
    choice._measured.cache_clear()


@pytest.mark.parametrize("low", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_both_routes_run(sparse: bool, low: bool, gpu: str) -> None:
    from spikeloom.ops.cuda.choice import Problem

    problem = Problem(low=low, device=torch.device(gpu), steps=3, batch=2, size=128)
    work = problem.work(0.1, sparse=sparse)
    work()
    work()


def test_one_measurement_for_each_number_type(timed: list[float], tmp_path: Path) -> None:
    from spikeloom.ops import choice

    device = torch.device("cuda:0")
    with torch.no_grad():
        found = choice.crossover(device, low=False)
    assert found.share == pytest.approx(0.005)
    assert found.name == f"0.50% in float32, measured on this {NAME}"
    asked = len(timed)
    assert choice.crossover(device, low=True).share == pytest.approx(0.01)
    assert asked < len(timed)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        assert "in TF32" in choice.crossover(device, low=False).name
    finally:
        torch.set_float32_matmul_precision(before)
    assert len(list(tmp_path.iterdir())) == 3


def test_another_process_finds_it_kept(timed: list[float]) -> None:
    from spikeloom.ops.cuda import choice

    first = choice.crossover(torch.device("cuda:0"), low=False)
    choice._measured.cache_clear()
    asked = len(timed)
    assert choice.crossover(torch.device("cuda:0"), low=False) == first
    assert len(timed) == asked


def test_a_layer_asks_for_it_by_its_device(timed: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeloom.ops import choice

    monkeypatch.setattr(nn.inputs, "crossover", lambda device, low: choice.crossover(torch.device("cuda:0"), low=low))
    for activity, side in ((0.002, "below"), (0.3, "above")):
        layer = nn.LIF(500, 64)
        layer(Spikes.from_dense(torch.rand(4, 2, 500, generator=torch.Generator().manual_seed(0)) < activity))
        assert f"{side} the crossover of 0.50% in float32, measured on this {NAME}" in layer.explain()["why"]
        assert layer.route.sparse is (side == "below")
