"""torch's own check of every operator: schema, gradient registration, shapes for tracers, and tracing itself."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from engine import spread, windowed
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from spikeloom import ops
from spikeloom.neurons import equations, li, lif
from spikeloom.nn.blocked import to_blocks
from spikeloom.ops import arrays
from spikeloom.surrogates import SuperSpike

STEPS, BATCH, INPUTS, NEURONS = 4, 3, 20, 70
FULL = arrays.padded(NEURONS)
OPERATORS = (
    "currents", "currents_of_spikes", "feedforward", "feedforward_dense", "listed", "product", "readout",
    "readout_dense", "recurrent", "recurrent_dense", "select", "shadow",
)  # fmt: skip
WITHOUT_GRADIENT = ("listed", "select", "shadow")
"""Operators that have no operator of their own for their backward pass."""
# Every optional argument given, and none.
OPTIONS = {"bare": {"full": False, "limit": 0}, "full": {"full": True, "limit": 4}}
# torch's check of tracing needs a first output of floating point, see `outputs`.

Arguments = tuple[object, ...]
Operator = Callable[..., Any]
Options = dict[str, Any]


def uniform(*shape: int, seed: int, grad: bool = True) -> Tensor:
    x = torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    return x.requires_grad_(grad)


def blocked(inputs: int, *, seed: int, rows: int | None = None) -> Tensor:
    return to_blocks(uniform(NEURONS, inputs, seed=seed, grad=False), rows=rows).requires_grad_()


def source() -> tuple[Tensor, ...]:
    """The input, with entries that spiked and others only in their window."""
    x = (uniform(STEPS, BATCH, INPUTS, seed=0, grad=False) > 0.3).float()
    spikes = windowed(x, uniform(STEPS, BATCH, INPUTS, seed=1, grad=False) > 0.1)
    return spikes.ids, spikes.row_start, spikes.spike_count, spikes.active.requires_grad_()


def state(*, full: bool) -> tuple[Tensor | None, Tensor | None]:
    if not full:
        return None, None
    return uniform(1, BATCH, FULL, seed=2), (uniform(BATCH, FULL, seed=3, grad=False) > 0.3).float().requires_grad_()


def current(*, full: bool) -> Tensor:
    """Currents as products leave them: of spikes, in bfloat16, or of real numbers."""
    if full:
        return uniform(BATCH, STEPS, FULL, seed=9, grad=False).bfloat16().transpose(0, 1).requires_grad_()
    return uniform(STEPS, BATCH, FULL, seed=9)


def heard(name: str, *, full: bool) -> tuple[object, ...]:
    """What a layer hears, with its weights."""
    if "dense" in name:
        return (current(full=full),)
    weight = blocked(INPUTS, seed=4)
    shadow = ops.shadow(weight.detach()) if full else None
    return *source(), weight, *((shadow,) if name != "readout" else ())


def layer(name: str, *, full: bool, limit: int) -> Arguments:
    """The arguments of a layer of spiking neurons."""
    between = blocked(NEURONS, seed=5, rows=FULL)
    inner = (between, ops.shadow(between.detach()) if full else None) if "recurrent" in name else ()
    bias = uniform(FULL, seed=6) if full else None
    parameters = torch.stack([spread(value, NEURONS) for value in (0.9, 1.0, 0.3)]).requires_grad_(full)
    numbers = (STEPS, NEURONS, equations(lif.neuron(), LEARNED if full else ()).text, SuperSpike().spec, limit, 7)
    return (
        *heard(name, full=full),
        *inner,
        bias,
        parameters,
        spread(-0.2, NEURONS),
        *state(full=full),
        *numbers,
        *((True,) if name == "feedforward_dense" else ()),
    )


def readout(name: str, *, full: bool) -> Arguments:
    bias, start = (uniform(FULL, seed=6), state(full=True)[0]) if full else (None, None)
    parameters = torch.stack([spread(0.9, NEURONS), spread(1.0, NEURONS)]).requires_grad_(full)
    neuron = equations(li.neuron(), LEARNED if full else ()).text
    return *heard(name, full=full), bias, parameters, start, NEURONS, STEPS, neuron


def arguments(name: str, *, full: bool, limit: int) -> Arguments:
    if name == "select":
        return uniform(STEPS * BATCH, FULL, seed=8), torch.full((FULL,), -0.2), SuperSpike().spec
    if name == "shadow":
        return (blocked(INPUTS, seed=4).detach(),)
    if name == "product":
        return *source(), blocked(INPUTS, seed=4)
    if name == "listed":
        *given, _ = arguments("feedforward_dense", full=False, limit=0)
        out = ops.feedforward_dense(*given, False)
        scanned, raster = ops.Scanned(*out[:-1]), out[-1].detach().requires_grad_()
        return raster, scanned.spikes, scanned.near, len(scanned.slope)
    if name == "currents":
        x = uniform(STEPS, BATCH, INPUTS, seed=0, grad=False)
        laid_out = x.transpose(0, 1).contiguous().transpose(0, 1) if full else x
        return laid_out.requires_grad_(), blocked(INPUTS, seed=4), full
    if name == "currents_of_spikes":
        return *source(), blocked(INPUTS, seed=4), STEPS, full
    return readout(name, full=full) if "readout" in name else layer(name, full=full, limit=limit)


def operator(name: str) -> Operator:
    return getattr(torch.ops.spikeloom, name).default  # type: ignore[no-any-return]


class Recorder(TorchDispatchMode):
    """Keeps the arguments of every call of one operator."""

    def __init__(self, op: Operator) -> None:
        super().__init__()
        self.op, self.calls = op, []  # type: ignore[var-annotated]

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is self.op:
            self.calls.append(args)
        return func(*args, **(kwargs or {}))


LEARNED = ("beta",)

all_options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


@all_options
@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name: str, options: Options) -> None:
    given = arguments(name, **options)
    torch.library.opcheck(operator(name), given)


# The scans of the dense route have no other input than the currents, whose gradient is always wanted.
BACKWARD = [(name, want) for name in OPERATORS if name not in WITHOUT_GRADIENT for want in (True, "dense" in name)]


@pytest.mark.parametrize(("name", "want_input"), sorted(set(BACKWARD)))
@all_options
def test_backward(name: str, options: Options, want_input: bool) -> None:
    """On the arguments with which autograd itself calls it."""
    given = list(arguments(name, **options))
    place = 0 if "dense" in name or name == "currents" else 3
    given[place] = given[place].detach().requires_grad_(want_input)  # type: ignore[attr-defined]
    backward = operator(f"{name}_backward")
    out = operator(name)(*given)
    loss = sum((x**2).sum() for x in (out if isinstance(out, tuple) else (out,)) if x.requires_grad)
    with Recorder(backward) as recorder:
        loss.backward()  # type: ignore[union-attr]
    assert len(recorder.calls) == 1
    torch.library.opcheck(backward, tree_map_only(Tensor, Tensor.detach, recorder.calls[0]))


def test_no_operator_is_forgotten() -> None:
    registered = {
        name.removeprefix("spikeloom::") for name in torch._C._dispatch_get_all_op_names() if "spikeloom" in name
    }
    assert registered == {*OPERATORS, *(f"{name}_backward" for name in OPERATORS if name not in WITHOUT_GRADIENT)}
