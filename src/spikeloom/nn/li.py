"""A readout layer of leaky integrators."""

from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikeloom import ops
from spikeloom.neurons import li
from spikeloom.nn import init
from spikeloom.nn.blocked import Blocked
from spikeloom.nn.dropout import checked_chance, drop, scaled
from spikeloom.nn.inputs import as_tensor, check_finite, checked, currents_of
from spikeloom.nn.state import State
from spikeloom.ops.arrays import padded
from spikeloom.spikes import Spikes


class LI(Blocked):
    """Leaky integrators, which do not spike (Finkbeiner et al. 2024): M[t] = beta M[t-1] + gain (W X[t] + b).

    Args:
        in_features: inputs, I.
        out_features: integrators, C.
        beta: decay in a step, from 0 to 1; a number or `[C]`. Default 0.95.
        tau_ms: instead of beta, the time constant in ms: beta = exp(-dt_ms / tau_ms).
        dt_ms: the length of a step in ms, beside tau_ms.
        gain: factor of the current, a number or `[C]`.
        bias: whether there is a bias.
        learn: names of parameters that are learned, of beta and gain; see `nn.numbers`.
        learn_per: "neuron" or "layer": whether each integrator learns its own.
        dropout: the chance that an input is silent for a whole sample in training, from 0 below 1; see `nn.dropout`.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        beta: float | Tensor | None = None,
        tau_ms: float | Tensor | None = None,
        dt_ms: float | None = None,
        gain: float | Tensor = 1.0,
        bias: bool = False,
        learn: Collection[str] = (),
        learn_per: str = "neuron",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_features, out_features, bias=bias)
        self.neuron, self.dropout = li.neuron(), checked_chance(dropout)
        given = {"beta": beta, "tau_ms": tau_ms, "gain": gain}
        self._take(given, dt_ms=dt_ms, learn=learn, learn_per=learn_per)
        init.uniform_(self, gain=1.0)

    def forward(self, x: Spikes | Tensor, state: State | None = None) -> tuple[Float[Tensor, "T B C"], State]:
        """Run all steps of a batch.

        Args:
            x: `Spikes`, or a tensor `[T, B, in]`; one that is not binary takes the dense product, on a GPU any tensor.
            state: what an earlier call returned, or None for zeros.

        Returns:
            The membranes `[T, B, C]` at every step, and the state after the last.

        Raises:
            InputError: an input or a state that does not fit; on the CPU, NaN or infinite numbers in the membranes.
        """
        # A GPU is not asked whether a tensor is binary.
        x = checked(x, self.in_features, self.weight, dense=self.weight.is_cuda)
        steps, batch = (x.steps, x.batch) if isinstance(x, Spikes) else x.shape[:2]
        if self.dropout and self.training:
            x = as_tensor(x)
        x, kept = drop(x, state, chance=self.dropout, training=self.training)
        weight = scaled(self.weight, chance=self.dropout, training=self.training)
        layer = (
            self._padded_bias(),
            self._numbers(),
            self._start(state, batch),
            self.out_features,
            steps,
            self._equations,
        )
        if isinstance(x, Spikes) and x.raster is None:
            out, last_state, _ = ops.readout(x.ids, x.row_start, x.spike_count, x.active, weight, *layer)
        else:
            out, last_state, _ = ops.readout_dense(currents_of(x, weight), *layer)
        check_finite(self, last_state)
        return out, State((last_state[0, :, : self.out_features],), kept=kept)

    def explain(self) -> dict[str, str]:
        """What the layer is and which route it takes."""
        size = f"{self.in_features}-{self.out_features} LI readout"
        why = "few outputs: the sum of weight rows is small at any activity"
        keeps = ", ".join(f"every {name}" for name in self.keeps)
        dense = "a tensor" if self.weight.is_cuda else "a real-valued input"
        route = f"sparse; dense after a dense layer or {dense}"
        return {"layer": size, "activity": "", "route": route, "why": why, "keeps": keeps or "nothing"}

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"

    def _start(self, state: State | None, batch: int) -> Tensor | None:
        if state is None:
            return None
        state.check(self.neuron, batch, self.out_features, self.weight.device)
        return nn.functional.pad(torch.stack(state.values), (0, padded(self.out_features) - self.out_features))
