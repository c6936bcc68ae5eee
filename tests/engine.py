"""Runs the oracle's cases through the operators, as the modules do: blocks of 64 neurons, rows of ids."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from oracle import Case, assert_as_good_as, assert_close, assert_well_formed, run_reference
from torch import Tensor

from spikeloom import Spikes, ops
from spikeloom.nn.blocked import to_blocks
from spikeloom.ops import arrays
from spikeloom.ops.scans import Scanned

LANES = (16, 8, 4)
ROUTES = {"sparse": True, "dense": False}


@pytest.fixture(params=LANES, ids=lambda lanes: f"{lanes}_lanes")
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make the operators take kernels of this width, whatever the host's; LLVM splits what is too wide for it."""
    simd = arrays.kernels("simd")
    monkeypatch.setattr(simd, "host_width", lambda: simd.Width(request.param))
    arrays.width.cache_clear()
    yield request.param
    arrays.width.cache_clear()


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fill memory that nothing has written yet with NaN, and with huge integers: what a kernel leaves out, shows."""
    for name, module in list(sys.modules.items()):
        if name.startswith("spikeloom.ops.") and hasattr(module, "np"):
            monkeypatch.setattr(module, "np", _PoisonedNumpy())
    torch.use_deterministic_algorithms(True)
    assert bool(torch.empty(9).isnan().all()), "torch fills fresh memory in this mode"
    yield
    torch.use_deterministic_algorithms(False)


class _PoisonedNumpy:
    """NumPy, as the operators see it; Numba must see the true one."""

    def __getattr__(self, name: str) -> object:
        return getattr(np, name)

    @staticmethod
    def empty(shape: tuple[int, ...], dtype: type = float) -> np.ndarray:
        return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max, dtype)


def windowed(x: Tensor, near: Tensor | None = None) -> Spikes:
    """Spikes from zeros and ones `[T, B, I]`, with the neurons of a mask of the same shape in their window."""
    if near is None:
        return Spikes.from_dense(x)
    steps, batch, neurons = x.shape
    spiked = x.transpose(0, 1).reshape(-1, neurons) != 0  # [B * T, I]
    inside = near.transpose(0, 1).reshape(-1, neurons) | spiked
    order = torch.where(spiked, 0, torch.where(inside, 1, 2)).sort(dim=1, stable=True).indices
    sizes = inside.sum(1)
    listed = torch.arange(neurons) < sizes[:, None]
    return Spikes(
        ids=order[listed].int(),
        row_start=torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]),
        spike_count=spiked.sum(1).int(),
        active=spiked.gather(1, order)[listed].float(),
        steps=steps,
        batch=batch,
        neurons=neurons,
    )


def spread(value: float | Tensor, neurons: int) -> Tensor:
    """A number or `[N]` as float32, padded with zeros to whole blocks."""
    full = torch.zeros(arrays.padded(neurons))
    full[:neurons] = torch.as_tensor(value)
    return full


def padded(x: Tensor) -> Tensor:
    """`[..., N]`, padded with zeros to whole blocks."""
    return torch.nn.functional.pad(x, (0, arrays.padded(x.shape[-1]) - x.shape[-1]))


def bits(words: Tensor, steps: int, neurons: int) -> Tensor:
    """`[T, B, N]` bool from words `[N / 64, B * T]`."""
    flat = np.unpackbits(words.numpy().T.copy().view(np.uint8), axis=1, bitorder="little")  # [B * T, N]
    return torch.from_numpy(flat[:, :neurons]).bool().view(-1, steps, neurons).transpose(0, 1)


def gradients_of(case: Case) -> dict[str, Tensor]:
    """The float32 leaves of a case, by the names that `run_reference` gives to their gradients."""
    wanted = {name: getattr(case, name) for name in ("weight", "recurrent_weight", "bias")}
    return {name: x.float().requires_grad_() for name, x in wanted.items() if x is not None}


def call(
    case: Case,
    leaves: dict[str, Tensor],
    x: Spikes | Tensor,
    state: tuple[Tensor | None, Tensor | None] = (None, None),
    *,
    limit: int = 0,
    seed: int = 0,
) -> Scanned:
    """One call of the operator that a case describes.

    Args:
        case: which neuron, surrogate and parameters.
        leaves: the weights and the bias, from `gradients_of`.
        x: `Spikes` for the sparse route, `[T, B, I]` for the dense one.
        state: `[S, B, N]` and the spikes `[B, N]` before the first step, N in whole blocks.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.
    """
    neurons = len(case.weight)
    rows = arrays.padded(neurons)
    recurrent = leaves.get("recurrent_weight")
    arguments = {
        "weight": to_blocks(leaves["weight"]),
        "bias": padded(leaves["bias"]) if "bias" in leaves else None,
        "parameters": torch.stack([spread(value, neurons) for value in case.parameters]),
        "depth": spread(case.depth, neurons),
        "state": state[0],
        "spike": state[1],
        "steps": x.steps if isinstance(x, Spikes) else len(x),
        "neurons": neurons,
        "neuron": case.neuron.name,
        "surrogate": case.surrogate.spec,
        "limit": limit,
        "seed": seed,
    }
    if recurrent is not None:
        arguments["recurrent"] = to_blocks(recurrent, rows=rows)
    if isinstance(x, Spikes):
        operator = ops.feedforward if recurrent is None else ops.recurrent
        inputs = {"ids": x.ids, "row_start": x.row_start, "spike_count": x.spike_count, "active": x.active}
    else:
        operator = ops.feedforward_dense if recurrent is None else ops.recurrent_dense
        inputs = {"x": x}
    return Scanned(*operator(**inputs, **arguments))


def left(case: Case, scanned: Scanned) -> Spikes:
    """What left the layer."""
    steps, batch, neurons = (len(scanned.spike_count) // case.x.shape[1], case.x.shape[1], len(case.weight))
    return Spikes(*scanned[:4], steps, batch, neurons)


def run_operators(
    case: Case,
    *,
    sparse: bool,
    near: Tensor | None = None,
    limit: int = 0,
    seed: int = 0,
    cut: int | None = None,
    detach: bool = False,
) -> dict[str, Tensor]:
    """Run the layer that a case describes, and its backward pass, through the operators.

    Args:
        case: in any dtype; runs in float32.
        sparse: which route.
        near: `[T, B, I]`, the inputs in their window, where the sparse route gives a gradient; None for all.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.
        cut: after how many steps a second call goes on from the first one's state; None for one call.
        detach: cut the graph there too.

    Returns:
        As `run_reference`, but for `margin`; and `slope`, `[T, B, N]`, the surrogate's derivative where the margin is
        in its window, zero elsewhere.
    """
    leaves, spikes, scans, state = gradients_of(case), [], [], (None, None)
    whole = case.x.float()
    mask = torch.ones_like(whole, dtype=torch.bool) if near is None else near
    inputs, upstream = [], []
    for part in (slice(0, cut), slice(cut, None))[: 1 if cut is None else 2]:
        x = windowed(whole[part], mask[part]) if sparse else whole[part].clone()
        inputs.append(x)
        (x.active if isinstance(x, Spikes) else x).requires_grad_()
        scanned = call(case, leaves, x, state, limit=limit, seed=seed)
        state = (scanned.last_state, scanned.last_spike)
        if detach:
            state = tuple(value.detach() for value in state)
        out = left(case, scanned)
        assert_well_formed(out)
        spikes.append(out)
        scans.append(scanned)
        rows, d_spikes = out.rows(), case.d_spikes.float()[part].transpose(0, 1).reshape(-1, len(case.weight))
        upstream.append(d_spikes[rows, out.ids.long()])
    d_state = torch.stack([padded(d.float()) for d in case.d_states])
    torch.autograd.backward([*(out.active for out in spikes), scans[-1].last_state], [*upstream, d_state])
    results = _outputs(case, spikes, scans)
    results["d_x"] = torch.cat([_input_gradient(x) for x in inputs])
    return results | {f"d_{name}": leaf.grad for name, leaf in leaves.items()}


def _outputs(case: Case, spikes: list[Spikes], scans: list[Scanned]) -> dict[str, Tensor]:
    neurons = len(case.weight)
    results = {
        "spikes": torch.cat([out.dense().detach() for out in spikes]),
        "window": torch.cat([_listed(out) for out in spikes]),
        "slope": torch.cat([_slopes(case, scanned) for scanned in scans]),
    }
    names = zip(case.neuron.states, scans[-1].last_state.detach()[:, :, :neurons], strict=True)
    return results | {f"state.{name}": value for name, value in names}


def _listed(spikes: Spikes) -> Tensor:
    mask = torch.zeros(spikes.batch * spikes.steps, spikes.neurons, dtype=torch.bool)
    mask[spikes.rows(), spikes.ids.long()] = True
    return mask.view(spikes.batch, spikes.steps, spikes.neurons).transpose(0, 1)


def _slopes(case: Case, scanned: Scanned) -> Tensor:
    """The slopes where they belong: they come by rows from recurrent layers, by blocks and then rows from others."""
    neurons, batch = len(case.weight), case.x.shape[1]
    steps = scanned.near.shape[1] // batch
    near = padded(bits(scanned.near, steps, neurons).transpose(0, 1).float()) != 0  # [B, T, N]
    out = torch.zeros(near.shape)
    if case.recurrent_weight is not None:
        out[near] = scanned.slope.detach()
    else:
        by_block = (-1, arrays.blocks_of(neurons), arrays.BLOCK)
        near = near.view(batch, steps, *by_block[1:]).permute(2, 0, 1, 3)
        ordered = torch.zeros(near.shape)
        ordered[near] = scanned.slope.detach()
        out = ordered.permute(1, 2, 0, 3).reshape(batch, steps, -1)
    return out[:, :, :neurons].transpose(0, 1)


def _input_gradient(x: Spikes | Tensor) -> Tensor:
    if isinstance(x, Tensor):
        assert x.grad is not None
        return x.grad
    dense = torch.zeros(x.batch * x.steps, x.neurons)
    assert x.active.grad is not None
    dense[x.rows(), x.ids.long()] = x.active.grad
    return dense.view(x.batch, x.steps, x.neurons).transpose(0, 1)


def assert_layer_as_good_as(got: dict[str, Tensor], case: Case, keep: Tensor | None = None) -> None:
    """Hold what `run_operators` gave to the reference: the same spikes and window, all else as good."""
    want32, want64 = run_reference(case.to(torch.float32), keep), run_reference(case, keep)
    for want, kind in ((want32, torch.float32), (want64, torch.float64)):
        depth = torch.as_tensor(case.depth).to(kind)
        want["slope"] = case.surrogate.windowed_derivative(want["margin"], depth)
    for name, value in got.items():
        if name in ("spikes", "window"):
            assert_close(value.double(), want32[name].double(), kind="exact", name=name)
        else:
            assert_as_good_as(value, want32[name], want64[name], name)
