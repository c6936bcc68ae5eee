"""Runs the oracle's cases through the operators, as the modules do: blocks of 64 neurons, rows of ids."""

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from oracle import Case, assert_as_good_as, assert_close, assert_well_formed, run_reference
from torch import Tensor

from spikeloom import Spikes, ops
from spikeloom.neurons import equations
from spikeloom.nn.blocked import to_blocks, to_matrix
from spikeloom.ops import arrays
from spikeloom.ops.scans import Scanned
from spikeloom.ops.together import together as ordered
from spikeloom.surrogates import SuperSpike

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
    for name, module in list(sys.modules.items()):
        for take in ("recycled", "scratch", "lasting"):
            if name.startswith("spikeloom.ops.") and name not in _OWN_MEMORY and hasattr(module, take):
                monkeypatch.setattr(module, take, _refilled(getattr(module, take)))
    torch.use_deterministic_algorithms(True)
    assert bool(torch.empty(9).isnan().all()), "torch fills fresh memory in this mode"
    yield
    torch.use_deterministic_algorithms(False)
    assert not bool(arrays.silence(*_SILENCE).any()), "zeros that all calls share have been written"


_SILENCE = (1 << 12,)
_OWN_MEMORY = ("spikeloom.ops.arrays", "spikeloom.ops.pool")
"""Where memory is taken from; what these tests fill, they fill for those who ask."""


def _refilled(take: Callable[..., Tensor | np.ndarray]) -> Callable[..., Tensor | np.ndarray]:
    """Memory taken again is filled, too: what an earlier call left in it would be right by chance."""

    def take_and_fill(*shape: int | str, **kind: torch.dtype) -> Tensor | np.ndarray:
        memory = take(*shape, **kind)
        whole = isinstance(memory, Tensor) and not memory.is_floating_point()
        memory[...] = torch.iinfo(memory.dtype).max if whole else np.nan
        return memory

    return take_and_fill


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
    flat = np.unpackbits(words.cpu().numpy().T.copy().view(np.uint8), axis=1, bitorder="little")  # [B * T, N]
    mask = torch.from_numpy(flat[:, :neurons]).bool().view(-1, steps, neurons).transpose(0, 1)
    return mask.to(words.device)


def widened(packed: np.ndarray) -> np.ndarray:
    """The numbers of packed blocks, flat, from words uint32: of 16 the low halves, then the high ones."""
    words = packed.reshape(-1, 1, 16)
    return np.concatenate([words << np.uint32(16), words & np.uint32(0xFFFF0000)], 1).reshape(-1).view(np.float32)


def as_packed(weight: Tensor) -> Tensor:
    """The numbers that `ops.shadow` makes of weights `[N, I]`."""
    blocks = to_blocks(weight)
    numbers = widened(ops.shadow(blocks).numpy().view(np.uint32))
    return to_matrix(torch.from_numpy(numbers).view(blocks.shape), *weight.shape)


def gradients_of(case: Case) -> dict[str, Tensor]:
    """The float32 leaves of a case, by the names that `run_reference` gives to their gradients."""
    wanted = {name: getattr(case, name) for name in ("weight", "recurrent_weight", "bias")}
    wanted |= {name: x for name, x in _numbers(case).items() if isinstance(x, Tensor)}
    return {name: x.float().requires_grad_() for name, x in wanted.items() if x is not None}


def _numbers(case: Case) -> dict[str, float | Tensor]:
    """The neuron's parameters; those that are tensors are learned."""
    return dict(zip(case.neuron.names, case.parameters, strict=True))


def call(
    case: Case,
    leaves: dict[str, Tensor],
    x: Spikes | Tensor,
    state: tuple[Tensor | None, Tensor | None] = (None, None),
    *,
    limit: int = 0,
    seed: int = 0,
    shadow: bool = False,
) -> Scanned:
    """One call of the operator that a case describes.

    Args:
        case: which neuron, surrogate and parameters.
        leaves: the weights and the bias, from `gradients_of`.
        x: `Spikes` for the sparse route, `[T, B, I]` for the dense one.
        state: `[S, B, N]` and the spikes `[B, N]` before the first step, N in whole blocks.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.
        shadow: read the weights of a sparse feed-forward layer in 16 bits.
    """
    neurons, numbers = len(case.weight), _numbers(case)
    rows = arrays.padded(neurons)
    recurrent = leaves.get("recurrent_weight")
    weight = to_blocks(leaves["weight"])
    arguments = {
        "bias": padded(leaves["bias"]) if "bias" in leaves else None,
        "parameters": torch.stack([padded(leaves.get(name, spread(x, neurons))) for name, x in numbers.items()]),
        "depth": spread(case.depth, neurons),
        "state": state[0],
        "spike": state[1],
        "steps": x.steps if isinstance(x, Spikes) else len(x),
        "neurons": neurons,
        "neuron": equations(case.neuron, tuple(name for name in numbers if name in leaves)).text,
        "surrogate": case.surrogate.spec,
        "limit": limit,
        "seed": seed,
    }
    if recurrent is not None:
        arguments |= {"recurrent": to_blocks(recurrent, rows=rows), "recurrent_shadow": None}
    if isinstance(x, Spikes):
        operator = ops.feedforward if recurrent is None else ops.recurrent
        arguments["shadow"] = ops.shadow(to_blocks(leaves["weight"].detach())) if shadow else None
        inputs = {"ids": x.ids, "row_start": x.row_start, "spike_count": x.spike_count, "active": x.active}
        inputs["weight"] = weight
    else:
        operator = ops.feedforward_dense if recurrent is None else ops.recurrent_dense
        inputs = {"current": ops.currents(x, weight, False)}
    if operator is ops.feedforward_dense:
        arguments["listed"] = True
    in_order = inspect.signature(operator).bind(**inputs, **arguments).args
    return Scanned(*operator(*in_order)[: len(Scanned._fields)])


def left(case: Case, scanned: Scanned) -> Spikes:
    """What left the layer."""
    rows = (scanned.ids, scanned.row_start, scanned.spike_count, scanned.active)
    return Spikes(*rows, _steps(case, scanned), case.x.shape[1], len(case.weight))


def run_operators(
    case: Case,
    *,
    sparse: bool,
    near: Tensor | None = None,
    limit: int = 0,
    seed: int = 0,
    cut: int | None = None,
    detach: bool = False,
    want_input: bool = True,
    shadow: bool = False,
    device: str = "cpu",
    grouped: bool = True,
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
        want_input: ask for the gradient by the inputs.
        shadow: read the weights of a sparse feed-forward layer in 16 bits.
        device: where to run; what is returned is on the CPU.
        grouped: whether recurrent layers take samples in groups, as kernels for CPUs do.

    Returns:
        As `run_reference`, but `margin` is NaN outside the window, where it is not kept. Only SuperSpike lets margins
        be seen; with others there is `slope`, `[T, B, N]`, the derivative inside the window, NaN elsewhere.
    """
    with torch.device(device):
        results = _run(
            case.to(torch.device(device)), sparse, near, limit, seed, cut, detach, want_input, shadow, grouped
        )
    return {name: value.cpu() for name, value in results.items()}


def _run(
    case: Case,
    sparse: bool,
    near: Tensor | None,
    limit: int,
    seed: int,
    cut: int | None,
    detach: bool,
    want_input: bool,
    shadow: bool,
    grouped: bool,
) -> dict[str, Tensor]:
    leaves, spikes, scans, state = gradients_of(case), [], [], (None, None)
    whole = case.x.float()
    mask = torch.ones_like(whole, dtype=torch.bool) if near is None else near
    inputs, upstream = [], []
    for part in (slice(0, cut), slice(cut, None))[: 1 if cut is None else 2]:
        x = windowed(whole[part], mask[part]) if sparse else whole[part].clone()
        inputs.append(x)
        (x.active if isinstance(x, Spikes) else x).requires_grad_(want_input)
        scanned = call(case, leaves, x, state, limit=limit, seed=seed, shadow=shadow)
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
    results = _outputs(case, spikes, scans, grouped)
    if want_input:
        results["d_x"] = torch.cat([_input_gradient(x) for x in inputs])
    return results | {f"d_{name}": leaf.grad for name, leaf in leaves.items()}


def _outputs(case: Case, spikes: list[Spikes], scans: list[Scanned], grouped: bool) -> dict[str, Tensor]:
    neurons = len(case.weight)
    results = {
        "spikes": torch.cat([out.dense().detach() for out in spikes]),
        "window": torch.cat([_listed(out) for out in spikes]),
    }
    slope = torch.cat([_slopes(case, scanned, grouped) for scanned in scans])
    if isinstance(case.surrogate, SuperSpike):
        # Slopes are steepest in a few entries next to the threshold; the margins they come from are a fairer yardstick,
        # since the reference has them everywhere. The slope's rounding moves them by less than their own.
        size = (slope.double().rsqrt() - 1) / case.surrogate.scale
        fired = torch.cat([bits(scanned.spikes, _steps(case, scanned), neurons) for scanned in scans])
        results["margin"] = torch.where(fired, size, -size).float()
    else:
        results["slope"] = slope
    names = zip(case.neuron.states, scans[-1].last_state.detach()[:, :, :neurons], strict=True)
    return results | {f"state.{name}": value for name, value in names}


def _steps(case: Case, scanned: Scanned) -> int:
    return scanned.near.shape[1] // case.x.shape[1]


def _listed(spikes: Spikes) -> Tensor:
    mask = torch.zeros(spikes.batch * spikes.steps, spikes.neurons, dtype=torch.bool)
    mask[spikes.rows(), spikes.ids.long()] = True
    return mask.view(spikes.batch, spikes.steps, spikes.neurons).transpose(0, 1)


def _slopes(case: Case, scanned: Scanned, grouped: bool) -> Tensor:
    """The slopes where they belong: see `_order`."""
    neurons, batch, steps = len(case.weight), case.x.shape[1], _steps(case, scanned)
    blocks = arrays.blocks_of(neurons)
    near = bits(scanned.near, steps, blocks * arrays.BLOCK)  # [T, B, N]
    places = torch.arange(near.numel()).view(steps, batch, blocks, arrays.BLOCK)
    in_groups = grouped and case.recurrent_weight is not None
    order = torch.cat([part.flatten() for part in _order(places, grouped=in_groups)])
    out = torch.full((near.numel(),), torch.nan)
    out[order[near.flatten()[order]]] = scanned.slope.detach()
    return out.view(near.shape)[:, :, :neurons]


def _order(places: Tensor, *, grouped: bool) -> Iterator[Tensor]:
    """`[T, B, N / 64, 64]` in the order of window entries.

    Where samples are taken in groups, entries are by block and slice of these, then by step; else by block and sample.
    """
    steps, batch, blocks, _ = places.shape
    if not grouped:
        yield places.permute(2, 1, 0, 3)
        return
    order = ordered(blocks, batch, steps, dense=False)
    for first, end in order.bounds():
        for k in range(blocks):
            for s in range(order.slices):
                low, high = ((end - first) * i // order.slices + first for i in (s, s + 1))
                yield places[:, low:high, k]


def _input_gradient(x: Spikes | Tensor) -> Tensor:
    if isinstance(x, Tensor):
        assert x.grad is not None
        return x.grad
    dense = torch.zeros(x.batch * x.steps, x.neurons)
    assert x.active.grad is not None
    dense[x.rows(), x.ids.long()] = x.active.grad
    return dense.view(x.batch, x.steps, x.neurons).transpose(0, 1)


Run = Callable[[Case], dict[str, Tensor]]


def assert_as_good_as_reference(cases: Sequence[Case], run: Run, keep: Callable[[Case], Tensor] | None = None) -> None:
    """Hold `run` to the reference: in each case the same spikes and window, and all else as good.

    A largest error is a matter of luck where there are few entries, so errors are the largest over all cases.

    Args:
        cases: of one kind, which differ by their seeds.
        run: gives the results, by the names of `run_operators`.
        keep: gives the mask of a cap.
    """
    pooled: dict[str, list[tuple[Tensor, ...]]] = {}
    for case in cases:
        got, mask = run(case), None if keep is None else keep(case)
        want32, want64 = (run_reference(case.to(kind), mask) for kind in (torch.float32, torch.float64))
        for name, value in got.items():
            if name == "margin":
                value = torch.where(value.isnan(), want64[name].float(), value)
            if name in ("spikes", "window"):
                assert_close(value.double(), want32[name].double(), kind="exact", name=name)
            else:
                assert value.shape == want32[name].shape, f"{name}: {value.shape}, expected {want32[name].shape}"
                trio = (value, want32[name], want64[name])
                pooled.setdefault(name, []).append(tuple(x.flatten() for x in trio))
    for name, trios in pooled.items():
        assert_as_good_as(*(torch.cat(part) for part in zip(*trios, strict=True)), name)
