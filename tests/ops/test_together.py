"""How the samples of a recurrent layer go through time together."""

import pytest
import torch

from spikeloom import nn
from spikeloom.ops import together
from spikeloom.ops.adjoint import stretches_of


@pytest.mark.parametrize(
    ("batch", "steps", "neurons", "dense", "groups"),
    [(48, 100, 512, False, 1), (129, 100, 512, False, 2), (48, 10_000, 512, False, 1), (48, 10_000, 512, True, 16)],
)
def test_groups_of_samples(batch: int, steps: int, neurons: int, dense: bool, groups: int) -> None:
    order = together.together(neurons // 64, batch, steps, dense=dense)
    bounds = order.bounds()
    assert order.groups == groups == len(bounds)
    assert [end for _, end in bounds[:-1]] == [first for first, _ in bounds[1:]]
    assert (bounds[0][0], bounds[-1][1]) == (0, batch)
    assert {end - first for first, end in bounds} <= {batch // groups, -(-batch // groups)}


@pytest.mark.parametrize(("blocks", "batch", "units"), [(1, 100, 16), (1, 3, 3), (5, 100, 15), (40, 100, 40)])
def test_few_blocks_are_cut_by_samples(blocks: int, batch: int, units: int) -> None:
    order = together.together(blocks, batch, 10, dense=False)
    assert order.units == units
    assert order.of_group(1) == slice(units, 2 * units)


@pytest.mark.parametrize(("steps", "samples", "expected"), [(100, 128, 7), (10, 1, 1), (3, 4096, 3)])
def test_stretches(steps: int, samples: int, expected: int) -> None:
    assert stretches_of(steps, samples) == expected


@pytest.mark.parametrize("sparse", [True, False])
def test_results_are_the_same_in_smaller_groups(sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x = (torch.rand(30, 7, 40, generator=torch.Generator().manual_seed(0)) < 0.2).float()

    def results() -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.LIF(40, 70, recurrent=True, bias=True, sparse=sparse), nn.LI(70, 3))
        nn.init.scale_to_activity_(net, x, 0.1)
        out = net(x)[0]
        out.square().sum().backward()
        return [out.detach(), *(p.grad for p in net.parameters() if p.grad is not None)]

    whole = results()
    monkeypatch.setattr(together, "MOST_SAMPLES", 3)
    parts = results()
    assert torch.equal(whole[0], parts[0])
    assert len(whole) == len(parts) > 4
    for a, b in zip(whole, parts, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(a.abs().max()))
