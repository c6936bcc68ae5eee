"""What tests compare with: the only tolerance table, the comparisons, and random cases for every operation."""

import importlib
import inspect
import math
import pkgutil
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spikeloom import Spikes, neurons, reference
from spikeloom.neurons import Neuron
from spikeloom.neurons.resets import RESETS
from spikeloom.surrogates import SuperSpike, Surrogate

TOLERANCES = {
    # kind: largest error, as a fraction of the largest magnitude expected
    "exact": 0.0,
    "float64": 1e-13,
    "float32": 2e-6,
}
"""Where both sides compute the same numbers in the same type. float32 kernels answer to `assert_as_good_as` instead."""

ULPS = 4
"""What `assert_as_good_as` grants in any case, in float32 units of the largest magnitude: luck is no yardstick."""

FINITE_DIFFERENCES = {"eps": 1e-6, "atol": 1e-7, "rtol": 1e-6}
"""For torch.autograd.gradcheck in float64: half of the digits are lost to the difference."""


def assert_close(got: Tensor, want: Tensor, *, kind: str, name: str = "result") -> None:
    """Compare shape, dtype and values, to the tolerance that the table has for `kind`."""
    assert got.shape == want.shape, f"{name}: shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    assert got.dtype == want.dtype, f"{name}: {got.dtype}, expected {want.dtype}"
    got, want = got.detach().double(), want.detach().double()
    _assert_error_within(got, want, TOLERANCES[kind] * _largest(want), f"{name} ({kind})")


def assert_as_good_as(got32: Tensor, ref32: Tensor, ref64: Tensor, name: str) -> None:
    """The third rule of trust: against float64, a float32 result errs at most twice as much as the float32 reference.

    Errors are the largest over all entries; a few units in the last place of the largest magnitude are granted always.
    """
    assert (got32.dtype, ref32.dtype, ref64.dtype) == (torch.float32, torch.float32, torch.float64), f"{name}: dtypes"
    assert got32.shape == ref32.shape == ref64.shape, f"{name}: {got32.shape}, {ref32.shape}, {ref64.shape}"
    got, ref32, ref64 = got32.detach().double(), ref32.detach().double(), ref64.detach()
    own = _largest(ref32 - ref64)
    _assert_error_within(got, ref64, 2 * own + ULPS * 2**-23 * _largest(ref64), f"{name} (reference errs {own:.3g})")


def _assert_error_within(got: Tensor, want: Tensor, allowed: float, name: str) -> None:
    error = torch.where(got == want, 0.0, (got - want).abs())  # infinities may agree; NaN never does
    bad = ~(error <= allowed)
    if bool(bad.any()):
        worst = int(error.nan_to_num(nan=math.inf).argmax())
        where = tuple(int(i) for i in torch.unravel_index(torch.tensor(worst), error.shape))
        raise AssertionError(
            f"{name}: {int(bad.sum())} of {error.numel()} entries off by more than {allowed:.3g}; worst at {where}: "
            f"got {got[where].item()!r}, expected {want[where].item()!r}, error {error[where].item():.3g}"
        )


def _largest(x: Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def assert_well_formed(spikes: Spikes) -> None:
    """Check that a `Spikes` keeps its promises: types, sizes, ids in range, the order within rows, and `active`."""
    rows = spikes.steps * spikes.batch
    types = {"ids": torch.int32, "row_start": torch.int64, "spike_count": torch.int32, "active": torch.float32}
    assert {name: getattr(spikes, name).dtype for name in types} == types
    ids, start, count = spikes.ids.long(), spikes.row_start, spikes.spike_count
    assert (start.shape, count.shape, spikes.active.shape) == ((rows + 1,), (rows,), ids.shape)
    sizes = start.diff()
    assert (int(start[0]), int(start[-1])) == (0, len(ids)), "row_start runs from 0 to the number of ids"
    assert bool(((count >= 0) & (count <= sizes)).all()), "a row's spikes are a part of its entries"
    assert bool(((ids >= 0) & (ids < spikes.neurons)).all()), "ids are neurons"
    row = torch.repeat_interleave(torch.arange(rows), sizes)
    near = torch.arange(len(ids)) - start[row] >= count[row]
    assert torch.equal(spikes.active.detach(), (~near).float()), "active is 1 for the spikes, 0 for the rest"
    order = (row * 2 + near) * spikes.neurons + ids
    assert bool((order.diff() > 0).all()), "in a row the spikes come first, each part ascending"
    assert len((row * spikes.neurons + ids).unique()) == len(ids), "an id stands once in a row"


def all_neurons() -> list[Neuron]:
    """Every variant of every neuron in spikeloom.neurons; a new file there is found without a list to extend."""
    found = []
    for info in pkgutil.iter_modules(neurons.__path__):
        module = importlib.import_module(f"spikeloom.neurons.{info.name}")
        if hasattr(module, "neuron"):
            variants = "reset" in inspect.signature(module.neuron).parameters
            found += [module.neuron(reset) for reset in RESETS] if variants else [module.neuron()]
    return found


def spiking_neurons() -> list[Neuron]:
    """Those of `all_neurons` that a layer of spiking neurons may hold."""
    return [neuron for neuron in all_neurons() if "threshold" in neuron.names]


def all_surrogates() -> list[Surrogate]:
    """Every surrogate, with its default scale."""
    return [kind() for kind in Surrogate.__subclasses__()]


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs of one operation, float64 with values that float32 holds too, so that both types see the same numbers.

    Args:
        x: `[T, B, I]`, 0 or 1.
        weight: `[N, I]`.
        recurrent_weight: `[N, N]`, or None for a feed-forward layer.
        bias: `[N]` or None.
        parameters: numbers or tensors `[N]`, as `neuron.names` lists them.
        depth: second threshold less threshold.
        d_spikes: `[T, B, N]`, the loss's gradient by the spikes that leave the layer.
        d_states: a `[B, N]` per state, the loss's gradient by the last states.
        neuron: the neuron.
        surrogate: the surrogate.
    """

    x: Tensor
    weight: Tensor
    recurrent_weight: Tensor | None
    bias: Tensor | None
    parameters: tuple[float | Tensor, ...]
    depth: float | Tensor
    d_spikes: Tensor
    d_states: tuple[Tensor, ...]
    neuron: Neuron
    surrogate: Surrogate

    def to(self, kind: torch.dtype | torch.device) -> "Case":
        """The same case in another float dtype, or on another device."""

        def cast(value):  # type: ignore[no-untyped-def]
            if isinstance(value, tuple):
                return tuple(cast(part) for part in value)
            return value.to(kind) if isinstance(value, Tensor) else value

        return replace(self, **{name: cast(value) for name, value in vars(self).items()})


def random_case(
    *,
    steps: int = 20,
    batch: int = 3,
    inputs: int = 40,
    neurons: int = 65,
    activity: float = 0.1,
    recurrent: bool = False,
    bias: bool = False,
    dyadic: bool = False,
    per_neuron: bool = False,
    neuron: Neuron | None = None,
    surrogate: Surrogate | None = None,
    seed: int = 0,
    **override: float,
) -> Case:
    """Make a case whose neurons spike in a few percent of their steps, if their inputs spike at all.

    Args:
        steps, batch, inputs, neurons: T, B, I, N, each at least 1.
        activity: the fraction of inputs that spike, from 0 to 1.
        recurrent: give recurrent weights.
        bias: give a bias.
        dyadic: weights and bias are multiples of 1/16 from -1 to 1, whose sums every float type holds exactly.
        per_neuron: parameters and depth are tensors `[N]`.
        neuron: the leaky integrate-and-fire neuron with reset to zero unless told otherwise.
        surrogate: SuperSpike(10) unless told otherwise.
        seed: of all random numbers.
        override: parameters by name, or `depth`, where another value than the usual is wanted: `threshold=-100.0` makes
            every neuron spike at every step.
    """
    chosen = neuron or importlib.import_module("spikeloom.neurons.lif").neuron()
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return (torch.rand(*shape, generator=generator) * (high - low) + low).double()

    def weights(*shape: int, scale: float) -> Tensor:
        if dyadic:
            return torch.randint(-16, 17, shape, generator=generator).double() / 16
        return (uniform(*shape) * scale).float().double()

    usual = {"beta": 0.9, "gain": 0.5, "threshold": 1.0, "depth": -0.125} | override
    values = [_float32(usual.get(name, 0.5)) for name in (*chosen.names, "depth")]
    spread: list[float | Tensor] = list(values)
    if per_neuron:
        spread = [(v * uniform(neurons, low=0.875, high=1.0)).float().double() for v in values]
    return Case(
        x=(torch.rand(steps, batch, inputs, generator=generator) < activity).double(),
        weight=weights(neurons, inputs, scale=2 / math.sqrt(max(1.0, activity * inputs))),
        recurrent_weight=weights(neurons, neurons, scale=2 / math.sqrt(neurons)) if recurrent else None,
        bias=weights(neurons, scale=0.1) if bias else None,
        parameters=tuple(spread[:-1]),
        depth=spread[-1],
        d_spikes=uniform(steps, batch, neurons),
        d_states=tuple(uniform(batch, neurons) for _ in chosen.states),
        neuron=chosen,
        surrogate=surrogate or SuperSpike(10.0),
    )


def run_reference(case: Case, keep: Tensor | None = None) -> dict[str, Tensor]:
    """Run the layer that a case describes, and its backward pass, on the reference, in the case's dtype.

    Returns:
        `spikes`, `window`, `margin`, a `state.NAME` for each state, and `d_NAME` for `x`, `weight`, `recurrent_weight`,
        `bias` and each parameter that is a tensor; without a cap `keep` is None.
    """
    tensors = {"x": case.x, "weight": case.weight, "recurrent_weight": case.recurrent_weight, "bias": case.bias}
    named = dict(zip(case.neuron.names, case.parameters, strict=True))
    tensors |= {name: value for name, value in named.items() if isinstance(value, Tensor)}
    leaves = {name: value.detach().clone().requires_grad_() for name, value in tensors.items() if value is not None}
    sums = [leaves[name] for name in ("x", "weight", "recurrent_weight") if name in leaves]
    operation = reference.feedforward if case.recurrent_weight is None else reference.recurrent
    spikes, window, margin, (states, _) = operation(
        *sums,
        leaves.get("bias"),
        neuron=case.neuron,
        parameters=tuple(leaves.get(name, value) for name, value in named.items()),
        depth=case.depth,
        surrogate=case.surrogate,
        keep=keep,
    )
    torch.autograd.backward([spikes, *states], [case.d_spikes, *case.d_states])
    results = {"spikes": spikes, "window": window, "margin": margin}
    results |= {f"state.{name}": state for name, state in zip(case.neuron.states, states, strict=True)}
    results |= {f"d_{name}": leaf.grad for name, leaf in leaves.items()}
    return {name: value.detach() for name, value in results.items()}


def assert_results_as_good_as(got32: dict[str, Tensor], case: Case, keep: Tensor | None = None) -> None:
    """Hold float32 results to the reference: the same spikes and window, all else as good.

    Args:
        got32: the results of what is tested, by the names that `run_reference` gives; those it lacks are not compared.
        case: the case it ran.
        keep: the mask of a cap.
    """
    want32, want64 = run_reference(case.to(torch.float32), keep), run_reference(case, keep)
    for name in got32:
        if name in ("spikes", "window"):
            assert_close(got32[name].double(), want32[name].double(), kind="exact", name=name)
        else:
            assert_as_good_as(got32[name], want32[name], want64[name], name)


def _float32(value: float) -> float:
    return torch.tensor(value, dtype=torch.float32).item()
