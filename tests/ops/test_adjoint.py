"""How many samples the backward pass of a recurrent layer has in hand."""

import pytest
import torch

from spikeloom import nn
from spikeloom.ops import adjoint


@pytest.mark.parametrize(
    ("batch", "steps", "neurons", "expected"),
    [(48, 100, 512, 4), (2, 100, 512, 2), (48, 10_000, 512, 1), (48, 2000, 512, 4), (48, 1_000_000, 64, 1)],
)
def test_long_recordings_are_taken_by_fewer(batch: int, steps: int, neurons: int, expected: int) -> None:
    assert adjoint.chunk_size(batch, steps, neurons) == expected


def test_no_bit_depends_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = (torch.rand(30, 7, 40, generator=torch.Generator().manual_seed(0)) < 0.2).float()

    def gradients() -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.LIF(40, 70, recurrent=True, bias=True, sparse=True), nn.LI(70, 3))
        nn.init.scale_to_activity_(net, x, 0.1)
        net(x)[0].square().sum().backward()
        return [p.grad for p in net.parameters() if p.grad is not None]

    whole = gradients()
    monkeypatch.setattr(adjoint, "MOST_ADJOINTS", 1)
    singly = gradients()
    assert len(whole) == len(singly) > 3
    assert all(torch.equal(a, b) for a, b in zip(whole, singly, strict=True))
