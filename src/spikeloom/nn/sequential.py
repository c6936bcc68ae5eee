"""Layers one behind the other."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from spikeloom.checks import require
from spikeloom.nn.inputs import check_finite
from spikeloom.nn.li import LI
from spikeloom.nn.spiking import Spiking
from spikeloom.nn.state import States
from spikeloom.spikes import Spikes


class Sequential(nn.Module):
    """A network of layers, each of which runs through all time steps before the next.

    Args:
        layers: `Spiking` layers, as `LIF` is one, of which the last may be an `LI` or a `torch.nn.Linear`; the latter
            is applied to the spikes of every step.

    Raises:
        InputError: no layer, a layer of another kind, or sizes that do not fit.

    Example:
        >>> net = Sequential(LIF(700, 256), LI(256, 20))
        >>> membranes, state = net(torch.zeros(100, 8, 700))
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        require(len(layers) > 0, "layers", "at least one", "none")
        for i, layer in enumerate(layers):
            kinds = (Spiking, LI, nn.Linear) if i == len(layers) - 1 else (Spiking,)
            names = ", ".join(kind.__name__ for kind in kinds)
            require(isinstance(layer, kinds), f"layer {i + 1}", f"one of {names} at this place", type(layer).__name__)
            if i > 0:
                wanted, got = layers[i - 1].out_features, layer.in_features
                require(got == wanted, f"layer {i + 1}", f"in_features {wanted}, as layer {i} has neurons", got)
            kind = layer.kind.partition(".")[0] if isinstance(layer, Spiking) else type(layer).__name__
            name = f"layer {i + 1} ({kind} {layer.in_features}-{layer.out_features})"
            layer.label = name  # type: ignore[assignment]
            self.add_module(str(i), layer)

    def forward(self, x: Spikes | Tensor, state: Sequence[object] | None = None) -> tuple[Spikes | Tensor, States]:
        """Run all steps of a batch through all layers.

        Args:
            x: what the first layer takes.
            state: what an earlier call returned, or None for zeros.

        Returns:
            What the last layer returned, and the states after the last step.

        Raises:
            InputError: an input or a state that does not fit; NaN or infinite numbers in what a layer computes.
        """
        outputs, after = self.layers(x, state)
        return outputs[-1], after

    def layers(self, x: Spikes | Tensor, state: Sequence[object] | None = None) -> tuple[list[Spikes | Tensor], States]:
        """Run all steps of a batch through all layers, and keep what each returned.

        Args:
            x: what the first layer takes.
            state: what an earlier call returned, or None for zeros.

        Returns:
            The layers' outputs, as they stand in the graph, and the states after the last step.

        Raises:
            InputError: as `forward`.
        """
        if state is not None:
            require(len(state) == len(self), "state", f"{len(self)} states, one per layer", len(state))
        outputs: list[Spikes | Tensor] = []
        after = []
        for i, layer in enumerate(self):
            if isinstance(layer, nn.Linear):
                out: Tensor = layer(x.dense() if isinstance(x, Spikes) else x)
                check_finite(layer, out)
                x, last = out, None
            else:
                x, last = layer(x, None if state is None else state[i])
            outputs.append(x)
            after.append(last)
        return outputs, States(after)

    def explain(self) -> str:
        """A table: each layer's sizes, last activity, route and its reason, and what it keeps of every step."""
        rows = [{name: name for name in ("layer", "activity", "route", "why", "keeps")}]
        rows += [_linear(layer) if isinstance(layer, nn.Linear) else layer.explain() for layer in self]
        widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
        return "\n".join("  ".join(row[key].ljust(widths[key]) for key in rows[0]).rstrip() for row in rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int) -> Any:
        return list(self)[index]


def _linear(layer: nn.Linear) -> dict[str, str]:
    size = f"{layer.in_features}-{layer.out_features} Linear"
    return {"layer": size, "activity": "", "route": "dense", "why": "torch's own", "keeps": "its input"}
