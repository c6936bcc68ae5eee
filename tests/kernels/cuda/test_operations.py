"""The tests of operators that the other files here do not hold, on what these do on a GPU.

They make their tensors on the CPU, so that they run in Triton's interpreter alone.
"""

import pytest
import torch
from ops.readouts import problem, run_operator, run_reference
from ops.test_dense import (  # noqa: F401 they run here once more
    test_autocast_does_not_reach_into_a_product,
    test_products_of_real_numbers,
    test_products_of_spikes,
)
from oracle import all_surrogates, assert_as_good_as, assert_close, assert_well_formed

from spikeloom import Spikes, ops, surrogates
from spikeloom.nn.blocked import to_blocks, to_matrix

both_routes = pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])


@pytest.fixture(autouse=True)
def _interpreted(gpu: str) -> None:
    if gpu != "cpu":
        pytest.skip("these make their tensors on the CPU")


@pytest.mark.parametrize(("outputs", "bias"), [(10, True), (65, False)])
@both_routes
def test_readout_is_as_good_as_the_reference(sparse: bool, outputs: int, bias: bool) -> None:
    trios: dict[str, list[list[torch.Tensor]]] = {}
    for seed in (0, 10):
        given = problem(inputs=30, outputs=outputs, batch=3, steps=6, seed=seed, bias=bias)
        got = run_operator(given, sparse=sparse)
        want = [run_reference(given, kind) for kind in (torch.float32, torch.float64)]
        assert set(got) == set(want[0])
        for name, value in got.items():
            trios.setdefault(name, []).append([x[name].flatten() for x in (got, *want)])
            assert value.shape == want[0][name].shape
    for name, parts in trios.items():
        assert_as_good_as(*(torch.cat(part) for part in zip(*parts, strict=True)), name)


def test_product_and_its_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(7, 3, 40, generator=generator) < 0.2).float()
    matrix = torch.randint(-16, 17, (70, 40), generator=generator).float() / 16
    spikes, blocks = Spikes.from_dense(x), to_blocks(matrix).requires_grad_()
    active = spikes.active.requires_grad_()
    out = ops.product(spikes.ids, spikes.row_start, spikes.spike_count, active, blocks)
    rows = x.transpose(0, 1).reshape(-1, 40)
    assert torch.equal(out[:, :70], rows @ matrix.T)
    d_out = torch.randint(-4, 5, out.shape, generator=generator).float()
    out.backward(d_out)
    assert blocks.grad is not None
    assert active.grad is not None
    assert torch.equal(to_matrix(blocks.grad, 70, 40), d_out[:, :70].T @ rows)
    assert torch.equal(active.grad, (d_out[:, :70] @ matrix)[spikes.rows(), spikes.ids.long()])


def test_selection_with_two_thresholds() -> None:
    margin = torch.randn(12, 128, generator=torch.Generator().manual_seed(0)).requires_grad_()
    depth = torch.full((128,), -0.5)
    depth[100:] = torch.inf
    active, ids, row_start, count, slope = ops.select(margin, depth, "SuperSpike(10.0)")
    assert_well_formed(Spikes(ids, row_start, count, active, 12, 1, 128))
    near = margin >= depth
    assert len(ids) == int(near.sum())
    assert int(count.sum()) == int((near & (margin >= 0)).sum())
    rows = torch.repeat_interleave(row_start.diff())
    want = surrogates.SuperSpike(10.0).derivative(margin.detach()[rows, ids.long()])
    assert_close(slope, want, kind="float32")
    active.sum().backward()
    assert margin.grad is not None
    assert torch.equal(margin.grad != 0, near)


@pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
def test_a_surrogate_becomes_a_program(surrogate: surrogates.Surrogate) -> None:
    """Carried out on numbers, it is the derivative."""
    from spikeloom.kernels.cuda.program import slope_constants
    from spikeloom.neurons.check import TORCH
    from spikeloom.neurons.program import Program

    constants = slope_constants(surrogate.spec)
    margin = torch.linspace(-2, 2, 101, dtype=torch.float64)
    (slope,) = Program(1, constants["SLOPE"], (constants["SLOPE_OUTPUT"],)).run([margin], TORCH)
    assert_close(slope + torch.zeros_like(margin), surrogate.derivative(margin), kind="float64")
