"""The parameters of a layer's neurons: numbers from outside, checked; learned ones kept in their range."""

import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.checks import require
from spikeloom.neurons import Neuron, Parameter, equations
from spikeloom.ops.arrays import padded

PER = ("neuron", "layer")

FURTHEST = 14.0
"""How far a shift takes effect: a share of a range stays 1e-6 away from its ends, far more than float32 rounds off, and
a factor stays below 1.3e6 of what it was."""

INSIDE = 1 - 1e-6
"""The share of a range whose end moves that a parameter takes at most which is not learned itself."""


def per_neuron(name: str, value: float | Tensor, neurons: int, *, device: torch.device) -> Tensor:
    """A setting of all neurons, or of each: a float32 tensor of no dimension or `[N]` on the device.

    Raises:
        InputError: another shape, NaN, or a tensor that wants a gradient.
    """
    learned = isinstance(value, Tensor) and value.requires_grad
    remedy = "pass it detached; learn names what a layer learns"
    require(not learned, name, "a number or a tensor without gradient", "one that requires it", remedy)
    tensor = torch.as_tensor(value, dtype=torch.float32, device=device).clone()
    require(
        tensor.shape in ((), (neurons,)), name, f"a number or {neurons} of them, one per neuron", tuple(tensor.shape)
    )
    require(not bool(tensor.isnan().any()), name, "numbers", "NaN")
    return tensor


class Numbers(nn.Module):
    """A layer's part that holds the parameters of its neurons.

    Each is a buffer of its name, a number or `[N]`. A learned one has a parameter `NAME_shift` beside it, zero at
    first, of which its value is a smooth function: whatever the shift, the value stays inside its range, and weight
    decay draws it back to where it began. With x the buffer and d the shift, in a range

        (low, high):   low + (high - low) sigmoid(logit((x - low) / (high - low)) + d)
        (low, inf):    low + (x - low) exp(d)
        (-inf, high):  high - (high - x) exp(-d)
        (-inf, inf):   x + d

    where what the sigmoid or exp is taken of goes from -14 to 14, so that no number reaches an end by rounding. Where
    the upper end depends on other parameters that are learned, x counts as a share of the range it began in; a number
    that is not learned stays what it is, and gives way only to an end that comes down to it.
    """

    neuron: Neuron
    out_features: int
    weight: nn.Parameter
    learned: tuple[str, ...] = ()
    # Made once: torch.compile would trace the tracer.
    _equations: str

    def _take(
        self,
        given: Mapping[str, Any],
        *,
        dt_ms: float | None,
        learn: Collection[str] = (),
        learn_per: str = "neuron",
    ) -> None:
        """Register the neuron's parameters.

        Args:
            given: by name, or by the name of a decay's time constant; None counts as not given.
            dt_ms: the length of a step, beside time constants.
            learn: the names of those that are learned.
            learn_per: "neuron" or "layer": whether each neuron learns its own.

        Raises:
            InputError: a name that the neuron does not have, or a number out of its range.
        """
        neuron, given = self.neuron, {name: value for name, value in given.items() if value is not None}
        known = [*neuron.names, *(p.tau for p in neuron.parameters if p.tau)]
        for name in given:
            require(name in known, name, f"one of the parameters of {neuron.name}: {', '.join(known)}", "another")
        require(not isinstance(learn, str), "learn", 'a tuple of names, as in ("beta",)', repr(learn))
        unknown = [name for name in learn if name not in neuron.names]
        require(not unknown, "learn", f"parameters of {neuron.name}: {', '.join(neuron.names)}", ", ".join(unknown))
        require(learn_per in PER, "learn_per", '"neuron" or "layer"', repr(learn_per))
        timed = any(p.tau in given for p in neuron.parameters if p.tau)
        remedy = "give a time constant in ms, or leave dt_ms out"
        require(timed or dt_ms is None, "dt_ms", "a time constant beside it", "dt_ms alone", remedy)
        for parameter in neuron.parameters:
            self.register_buffer(parameter.name, self._taken(parameter, given, dt_ms))
        self.learned = tuple(name for name in neuron.names if name in learn)
        self._equations = equations(neuron, self.learned).text
        # As they were given: `_values` holds a number below an end that learned ones move.
        taken = {name: getattr(self, name) for name in neuron.names}
        for parameter in neuron.parameters:
            _check_range(parameter, taken, learned=parameter.name in self.learned)
        for name in self.learned:
            shape = getattr(self, name).shape if learn_per == "layer" else (self.out_features,)
            one, got = learn_per == "neuron" or shape == (), f"{getattr(self, name).numel()} of them"
            require(one, name, "a number, to be learned per layer", got)
            self.register_parameter(f"{name}_shift", nn.Parameter(self.weight.new_zeros(shape)))

    def _taken(self, parameter: Parameter, given: Mapping[str, Any], dt_ms: float | None) -> Tensor:
        """A parameter as it was given, or made of the time constant that was; beside the weights."""
        name, tau = parameter.name, parameter.tau
        tensor = partial(per_neuron, neurons=self.out_features, device=self.weight.device)
        if tau is None or tau not in given:
            return tensor(name, given.get(name, parameter.default))
        require(name not in given, name, f"{name} or {tau}", "both", "give one of them")
        require(dt_ms is not None and dt_ms > 0, "dt_ms", f"the length of a step beside {tau}, above 0", dt_ms)
        constant = tensor(tau, given[tau])
        require(bool((constant > 0).all()), tau, "numbers above 0", given[tau])
        return torch.exp(-dt_ms / constant.double()).float()  # type: ignore[operator]

    @property
    def keeps(self) -> tuple[str, ...]:
        """What the backward pass has to find of every neuron and step, 4 bytes each: states, "current"."""
        names = (*self.neuron.states, "current")
        return tuple(names[i] for i in equations(self.neuron, self.learned).kept)

    def value(self, name: str) -> Tensor:
        """What a parameter of the neurons is now, a number or `[N]`; differentiable where it is learned."""
        return self._values()[name]

    def _values(self) -> dict[str, Tensor]:
        """All parameters by name."""
        began: dict[str, Tensor] = {name: getattr(self, name) for name in self.neuron.names}
        values = dict(began)
        # Those whose range depends on others come last.
        for parameter in sorted(self.neuron.parameters, key=lambda p: callable(p.high)):
            shift = self._parameters.get(f"{parameter.name}_shift")
            if shift is not None:
                values[parameter.name] = _moved(parameter, began, values, shift)
            elif callable(parameter.high) and self.learned:
                values[parameter.name] = _held(parameter, values)
        return values

    def _numbers(self) -> Tensor:
        """The parameters `[P, N]`, N in whole blocks."""
        values, size = self._values(), padded(self.out_features)
        if not values:
            return self.weight.new_zeros(0, size)
        numbers = torch.stack([values[name].expand(self.out_features) for name in self.neuron.names])
        if size == self.out_features:
            return numbers
        # The neurons that fill up a block are like the first: of zeros a step that divides would make NaN.
        first = numbers[:, :1].detach().expand(-1, size - self.out_features)
        return torch.cat((numbers, first), 1)

    def _spread(self, value: Tensor) -> Tensor:
        """A number or `[out]` as `[N]`, padded with zeros to whole blocks."""
        missing = padded(self.out_features) - self.out_features
        return nn.functional.pad(value.expand(self.out_features), (0, missing))


def _end(high: float | Callable[[Mapping[str, Any]], Any], values: Mapping[str, Tensor]) -> Any:
    return high(values) if callable(high) else high


def _check_range(parameter: Parameter, values: Mapping[str, Tensor], *, learned: bool) -> None:
    """Numbers lie inside their range, learned ones and those of a range with a moving end not at its ends."""
    value, low, high = values[parameter.name], parameter.low, _end(parameter.high, values)
    strict = learned or callable(parameter.high)
    inside = (value > low) & (value < high) if strict else (value >= low) & (value <= high)
    top = float(torch.as_tensor(high).min())
    span = f"numbers from {low:g} to {top:g}" if top < math.inf else f"numbers of at least {low:g}"
    got = " to ".join(f"{end:g}" for end in dict.fromkeys((float(value.min()), float(value.max()))))
    require(bool(inside.all()), parameter.name, span + (", not at an end" if strict else ""), got)
    if learned and callable(parameter.high):
        ends = bool(torch.as_tensor(high).isfinite().all())
        require(
            ends, parameter.name, "a range with an end, to be learned in", "none, as a decay is 1", "lower the decay"
        )


def _moved(parameter: Parameter, began: Mapping[str, Tensor], values: Mapping[str, Tensor], shift: Tensor) -> Tensor:
    """What a shift makes of a parameter."""
    x, low = began[parameter.name], parameter.low
    first, end = (_end(parameter.high, numbers) for numbers in (began, values))
    if not callable(parameter.high) and parameter.high == math.inf:
        return x + shift if low == -math.inf else low + (x - low) * _factor(shift)
    if low == -math.inf:
        below: Tensor = end - (first - x) * _factor(-shift)
        return below
    share = (x - low) / (first - low)
    moved: Tensor = low + (end - low) * torch.sigmoid((share.logit() + shift).clamp(-FURTHEST, FURTHEST))
    return moved


@torch.no_grad()
def _held(parameter: Parameter, values: Mapping[str, Tensor]) -> Tensor:
    """A parameter that is not learned, below an end that others may have moved towards it."""
    below: Tensor = parameter.low + INSIDE * (_end(parameter.high, values) - parameter.low)
    return torch.minimum(values[parameter.name], below)


def _factor(shift: Tensor) -> Tensor:
    return shift.clamp(-FURTHEST, FURTHEST).exp()
