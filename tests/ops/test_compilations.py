"""Kernels are compiled once, and not again for batches or layers of other sizes."""

import pytest
import torch

from spikeloom import nn
from spikeloom.kernels.cpu.compile import KernelCache

OTHERS = [(20, 64, 64, 1, 1), (1, 1, 1, 1, 1), (20, 300, 130, 9, 4), (300, 70, 640, 2, 30)]


def step(sizes: tuple[int, ...], **settings: bool) -> None:
    inputs, hidden, last, batch, steps = sizes
    net = nn.Sequential(nn.LIF(inputs, hidden, bias=True, **settings), nn.LIF(hidden, last, **settings), nn.LI(last, 3))  # type: ignore[arg-type]
    x = (torch.rand(steps, batch, inputs, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    net(x)[0].sum().backward()


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_other_sizes_compile_nothing(sparse: bool, recurrent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    step((20, 70, 65, 3, 5), sparse=sparse, recurrent=recurrent)

    def refuse(cache: KernelCache, signature: object, target: object) -> None:
        raise AssertionError(f"{cache._name} is wanted for another signature: {signature}")

    monkeypatch.setattr(KernelCache, "load_overload", refuse)
    for sizes in OTHERS:
        step(sizes, sparse=sparse, recurrent=recurrent)
