"""SpikingJelly's function for all steps, which a GPU takes in bfloat16: membranes stay in float32.

It runs where the library is; see `test_adapters`.
"""

import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("spikingjelly")

sys.path.insert(0, str(Path(__file__).parent))
import small_peer_case as small

from benchmarks.peers import spikingjelly


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_membranes_are_float32_whatever_the_currents_are(dtype):
    case = small.case("feed-forward")
    node = spikingjelly._node(case, step_mode="m")
    generator = torch.Generator().manual_seed(1)
    currents = (3 * torch.rand(20, 4, 9, generator=generator)).to(dtype).requires_grad_()
    spikes = spikingjelly.float32_states(node)(currents)
    (got,) = torch.autograd.grad(spikes.float().sum(), currents)

    mine = currents.detach().float().requires_grad_()
    membrane = spike = torch.zeros(4, 9)
    fired = []
    for current in mine:
        membrane = case.beta * membrane * (1 - spike.detach()) + current
        spike = small.Fire.apply(membrane / case.slope - case.threshold, case.slope)
        fired.append(spike)
    (wanted,) = torch.autograd.grad(torch.stack(fired).sum(), mine)

    assert 0.02 < float(spikes.detach().float().mean()) < 0.9
    assert spikes.dtype == got.dtype == dtype
    assert torch.equal(spikes.float(), torch.stack(fired))
    tolerance = {"rtol": 1e-4, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 1e-4}
    torch.testing.assert_close(got.float(), wanted, **tolerance)


def test_a_layer_on_a_cpu_says_what_rounds_its_membranes():
    case = small.case("feed-forward")
    assert spikingjelly.build(case).note == ""
    assert "number type of products" in spikingjelly.build(case, dtype=torch.bfloat16).note
    assert spikingjelly.build(small.case("recurrent"), dtype=torch.bfloat16).note == ""
