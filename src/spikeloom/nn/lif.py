"""A layer of leaky integrate-and-fire neurons."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikeloom import ops
from spikeloom.checks import require
from spikeloom.neurons import lif
from spikeloom.nn import init
from spikeloom.nn.blocked import Blocked, decay, per_neuron
from spikeloom.nn.dropout import checked_chance, drop, scaled
from spikeloom.nn.inputs import check_finite, checked, route_for
from spikeloom.nn.state import State
from spikeloom.ops.arrays import BLOCK, blocks_of, padded, width
from spikeloom.ops.choice import Route
from spikeloom.spikes import Spikes
from spikeloom.surrogates import SuperSpike, Surrogate

_SURROGATE = SuperSpike(10.0)


class LIF(Blocked):
    """Leaky integrate-and-fire neurons, feed-forward or recurrent (Finkbeiner et al. 2024).

        I[t] = W X[t] + V S[t-1] + b
        U[t] = beta R(U[t-1], S[t-1]) + gain I[t]
        S[t] = 1 where U[t] >= threshold, else 0

    V is there if `recurrent`. R is the reset: U (1 - S) for "zero", U - threshold S for "subtract", U for "none"; it
    carries no gradient. The surrogate derivative is cut to zero where U < second_threshold.

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        beta: decay of the membrane in a step, from 0 to 1; a number or `[N]`. Default 0.95.
        tau_ms: instead of beta, the membrane's time constant in ms: beta = exp(-dt_ms / tau_ms).
        dt_ms: the length of a step in ms, beside tau_ms.
        threshold: of the membrane, a number or `[N]`.
        second_threshold: lower edge of the gradient window, at most the threshold; a number or `[N]`, -inf for none.
        gain: factor of the current, a number or `[N]`.
        reset: "zero", "subtract" or "none".
        surrogate: whose derivative stands for the spike's.
        recurrent: whether the neurons hear each other, all to all.
        bias: whether there is a bias.
        max_activity: None, or the share of the neurons, above 0 and up to 1, that may leave the layer in a step:
            K = max(2, 2 floor(a N / 2)) ids, spikes first, then those in their window; of too many a random part stays.
            The neurons still reset, and hear each other, by all their spikes. `dropped` counts what was lost.
        dropout: the chance that an input is silent for a whole sample in training, from 0 below 1; see `nn.dropout`.
        sparse: True or False to demand a route, "auto" to let the first batch choose.

    Raises:
        InputError: a number out of its range.

    Example:
        >>> layer = LIF(700, 128, tau_ms=20, dt_ms=1, recurrent=True)
        >>> spikes, state = layer(torch.zeros(100, 8, 700))
    """

    threshold: Tensor
    second_threshold: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        beta: float | Tensor | None = None,
        tau_ms: float | Tensor | None = None,
        dt_ms: float | None = None,
        threshold: float | Tensor = 1.0,
        second_threshold: float | Tensor = 0.9,
        gain: float | Tensor = 1.0,
        reset: str = "zero",
        surrogate: Surrogate = _SURROGATE,
        recurrent: bool = False,
        bias: bool = False,
        max_activity: float | None = None,
        dropout: float = 0.0,
        sparse: bool | str = "auto",
    ) -> None:
        super().__init__(in_features, out_features, bias=bias)
        self.neuron, self.surrogate, self.sparse = lif.neuron(reset), surrogate, sparse
        self.register_buffer("beta", decay(out_features, beta, tau_ms, dt_ms))
        for name, value in (("threshold", threshold), ("second_threshold", second_threshold), ("gain", gain)):
            self.register_buffer(name, per_neuron(name, value, out_features))
        below = bool((self.second_threshold <= self.threshold).all())
        require(below, "second_threshold", "at most the threshold", second_threshold)
        require(sparse in (True, False, "auto"), "sparse", 'True, False or "auto"', repr(sparse))
        allowed = max_activity is None or 0 < max_activity <= 1
        require(allowed, "max_activity", "None or a number above 0 and up to 1", max_activity)
        self.max_activity, self.dropout = max_activity, checked_chance(dropout)
        shape = (blocks_of(out_features), padded(out_features), BLOCK)
        self.recurrent_weight = nn.Parameter(torch.zeros(shape)) if recurrent else None
        self.route: Route | None = None
        self._counts, self._dropped, self._cells = torch.zeros(1), torch.zeros(1), 1
        init.uniform_(self)

    def forward(self, x: Spikes | Tensor, state: State | None = None) -> tuple[Spikes, State]:
        """Run all steps of a batch.

        Args:
            x: `Spikes`, or a tensor `[T, B, in]`; one that is not binary takes the dense product.
            state: what an earlier call returned, or None for zeros.

        Returns:
            The layer's spikes and its state after the last step.

        Raises:
            InputError: an input or a state that does not fit; NaN or infinite numbers in the membranes.
        """
        x = checked(x, self.in_features, self.weight)
        x, kept = drop(x, state, chance=self.dropout, training=self.training)
        self.route = route_for(x, sparse=self.sparse, chosen=self.route)
        self._lay_out(dense=not self.route.sparse)
        steps, batch = (x.steps, x.batch) if isinstance(x, Spikes) else x.shape[:2]
        values, spike = self._start(state, batch)
        seed = int(torch.randint(2**62, ())) if self.limit else 0
        settings = (steps, self.out_features, self.neuron.name, self.surrogate.spec, self.limit, seed)
        weight = scaled(self.weight, chance=self.dropout, training=self.training)
        weights = (weight,) if self.recurrent_weight is None else (weight, self.recurrent_weight)
        layer = (*weights, self._padded_bias(), *self._parameters_and_depth(), values, spike)
        if self.route.sparse:
            assert isinstance(x, Spikes)
            operator = ops.feedforward if self.recurrent_weight is None else ops.recurrent
            out = operator(x.ids, x.row_start, x.spike_count, x.active, *layer, *settings)
        else:
            operator = ops.feedforward_dense if self.recurrent_weight is None else ops.recurrent_dense
            out = operator(x.dense() if isinstance(x, Spikes) else x, *layer, *settings)
        active, ids, row_start, spike_count, last_state, last_spike, dropped = out[:7]
        self._counts, self._dropped, self._cells = spike_count, dropped, steps * batch * self.out_features
        check_finite(self, last_state)
        spikes = Spikes(ids, row_start, spike_count, active, steps, batch, self.out_features)
        neurons = slice(0, self.out_features)
        return spikes, State(tuple(value[:, neurons] for value in last_state), last_spike[:, neurons], kept)

    @property
    def limit(self) -> int:
        """How many ids may leave the layer in a step; 0 for no limit."""
        return 0 if self.max_activity is None else ops.capacity(self.max_activity, self.out_features)

    @property
    def last_activity(self) -> float:
        """The share of neurons and steps that left the last call as spikes, from 0 to 1."""
        return float(self._counts.sum()) / self._cells

    @property
    def dropped(self) -> int:
        """How many ids the cap dropped in the last call."""
        return int(self._dropped)

    def recurrent_matrix(self) -> Float[Tensor, "N N"]:
        """The weights between the neurons `[out, out]`, copied: row `i` is what neuron `i` hears."""
        self._require_recurrent()
        return self._matrix("recurrent_weight")

    @torch.no_grad()
    def load_recurrent_matrix(self, matrix: Float[Tensor, "N N"]) -> None:
        """Set the weights between the neurons from `[out, out]`.

        Raises:
            InputError: a matrix of another shape, or a layer that is not recurrent.
        """
        self._require_recurrent()
        self._load("recurrent_weight", matrix)

    def recurrent_gradient(self) -> Float[Tensor, "N N"] | None:
        """The gradient of the weights between the neurons `[out, out]`, copied; None before a backward pass."""
        self._require_recurrent()
        return self._gradient("recurrent_weight")

    def explain(self) -> dict[str, str]:
        """What the layer is, which route it takes, and why."""
        kind = "recurrent" if self.recurrent_weight is not None else "feed-forward"
        size = f"{self.in_features}-{self.out_features} {kind} LIF"
        if self.route is None:
            return {"layer": size, "activity": "", "route": "undecided", "why": "no batch has come yet"}
        inner = ", sparse between the neurons" if self.recurrent_weight is not None and not self.route.sparse else ""
        route = f"sparse, {width().lanes} lanes" if self.route.sparse else f"dense product, {width().lanes}-lane scan"
        return {
            "layer": size,
            "activity": f"{self.last_activity:.2%}",
            "route": route + inner,
            "why": self.route.reason,
        }

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, reset={self.neuron.name.partition('.')[2]!r}"

    def _require_recurrent(self) -> None:
        require(self.recurrent_weight is not None, "layer", "one made with recurrent=True", "a feed-forward one")

    def _layouts(self) -> dict[str, int]:
        inner = {} if self.recurrent_weight is None else {"recurrent_weight": self.out_features}
        return super()._layouts() | inner

    def _parameters_and_depth(self) -> tuple[Tensor, Tensor]:
        numbers = (self.beta, self.gain, self.threshold, self.second_threshold - self.threshold)
        *parameters, depth = (self._spread(number) for number in numbers)
        return torch.stack(parameters), depth

    def _start(self, state: State | None, batch: int) -> tuple[Tensor | None, Tensor | None]:
        """The states `[S, B, N]` and spikes `[B, N]` before the first step, padded to whole blocks; None for zeros."""
        if state is None:
            return None, None
        wanted = (batch, self.out_features)
        spike = state.spike
        require(spike is not None, "state", "one that a layer of this kind returned", "one without spikes")
        assert spike is not None
        for tensor in (*state.values, spike):
            require(tuple(tensor.shape) == wanted, "state", f"tensors {wanted}, [B, N]", tuple(tensor.shape))
        missing = (0, padded(self.out_features) - self.out_features)
        return nn.functional.pad(torch.stack(state.values), missing), nn.functional.pad(spike, missing)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "route"] = torch.tensor(
            int(self.route.sparse) if self.route is not None and self.route.kept else -1
        )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        chosen = int(state_dict.pop(prefix + "route", -1))
        self.route = (
            None
            if chosen < 0
            else Route(bool(chosen), "chosen on the first batch of the run, and stored with it", True)
        )
        super()._load_from_state_dict(state_dict, prefix, *args)
