"""A layer of spiking neurons."""

import inspect
from collections.abc import Collection
from functools import partial
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikeloom import neurons, ops
from spikeloom.checks import require
from spikeloom.neurons import Neuron
from spikeloom.nn import init
from spikeloom.nn.blocked import Blocked
from spikeloom.nn.delay import checked_delay, delayed
from spikeloom.nn.dropout import checked_chance, drop, scaled
from spikeloom.nn.inputs import as_tensor, check_finite, checked, currents_of, is_dense, route_for
from spikeloom.nn.numbers import per_neuron
from spikeloom.nn.precision import bf16_wanted
from spikeloom.nn.state import State
from spikeloom.ops.arrays import BLOCK, blocks_of, padded, width
from spikeloom.ops.choice import Route
from spikeloom.spikes import Spikes
from spikeloom.surrogates import SuperSpike, Surrogate

RECURRENT = (True, False, "one-to-one")
_SURROGATE = SuperSpike(10.0)


class Spiking(Blocked):
    """A layer of spiking neurons of any kind, feed-forward or recurrent.

        I[t] = W X[t - delay] + V S[t-1] + b
        U[t], margin[t] = step(U[t-1], S[t-1], I[t])
        S[t] = 1 where margin[t] >= 0, else 0

    with the neuron's own `step`. V is a matrix between the neurons if `recurrent` is True, one weight for each neuron's
    own spike if it is "one-to-one". The surrogate derivative is cut to zero below the second threshold (Finkbeiner et
    al. 2024).

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        neuron: which; one of `spikeloom.neurons`, or your own.
        dt_ms: the length of a step in ms, beside time constants.
        second_threshold: lower edge of the gradient window, at most the threshold; a number or `[N]`, -inf for none.
            Default: 0.1 below the threshold.
        surrogate: whose derivative stands for the spike's.
        recurrent: True, False or "one-to-one": whether the neurons hear all of the layer, none, or themselves.
        refractory: for so many steps after a spike a neuron hears nothing and does not spike.
        delay: the layer hears its input so many steps later.
        learn: names of the neuron's parameters that are learned; see `nn.numbers`. The weights always are, and those of
            "one-to-one", `self_weight`, too. A learned threshold carries its window along.
        learn_per: "neuron" or "layer": whether each neuron learns its own.
        bias: whether there is a bias.
        max_activity: None, or the share of the neurons, above 0 and up to 1, that may leave the layer in a step:
            K = max(2, 2 floor(a N / 2)) ids, spikes first, then those in their window; of too many a random part stays.
            The neurons still reset, and hear each other, by all their spikes. `dropped` counts what was lost.
        dropout: the chance that an input is silent for a whole sample in training, from 0 below 1; see `nn.dropout`.
        sparse: True or False to demand a route, "auto" to let the first batch choose; on a GPU by a crossover that is
            measured there once, see `ops.crossover`. With False a feed-forward layer without a cap never waits for a
            GPU, and can be captured in a CUDA graph; a layer that lists ids waits to learn how many there are.
        numbers: the neuron's parameters by name, or a decay's time constant in ms by its own; numbers or `[N]`.

    Raises:
        InputError: a number out of its range, or a name that the neuron does not have.

    Example:
        >>> from spikeloom.neurons import cuba_lif
        >>> layer = Spiking(700, 128, neuron=cuba_lif.neuron(), tau_ms=20, tau_synapse_ms=5, dt_ms=1, learn=("alpha",))
        >>> spikes, state = layer(torch.zeros(100, 8, 700))
    """

    threshold: Tensor
    second_threshold: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        neuron: Neuron,
        dt_ms: float | None = None,
        second_threshold: float | Tensor | None = None,
        surrogate: Surrogate = _SURROGATE,
        recurrent: bool | str = False,
        refractory: int = 0,
        delay: int = 0,
        learn: Collection[str] = (),
        learn_per: str = "neuron",
        bias: bool = False,
        max_activity: float | None = None,
        dropout: float = 0.0,
        sparse: bool | str = "auto",
        **numbers: float | Tensor | None,
    ) -> None:
        super().__init__(in_features, out_features, bias=bias)
        require(isinstance(neuron, Neuron), "neuron", "a spikeloom.neurons.Neuron", type(neuron).__name__)
        require(recurrent in RECURRENT, "recurrent", 'True, False or "one-to-one"', repr(recurrent))
        alone = recurrent == "one-to-one"
        self.neuron = neurons.refractory(neurons.one_to_one(neuron) if alone else neuron, refractory)
        self.surrogate, self.sparse, self.recurrent = surrogate, sparse, recurrent
        self._check_names()
        learn = (*learn, "self_weight") if alone and not isinstance(learn, str) else learn
        self._take(numbers, dt_ms=dt_ms, learn=learn, learn_per=learn_per)
        if "threshold" not in self.neuron.names:
            self.register_buffer("threshold", torch.zeros(()), persistent=False)
        low = self.threshold - 0.1 if second_threshold is None else second_threshold
        window = per_neuron("second_threshold", low, out_features, device=self.weight.device)
        self.register_buffer("second_threshold", window)
        below = bool((self.second_threshold <= self.threshold).all())
        edge = "at most the threshold" + ("" if "threshold" in self.neuron.names else ", 0 of a neuron without one")
        require(below, "second_threshold", edge, second_threshold)
        require(sparse in (True, False, "auto"), "sparse", 'True, False or "auto"', repr(sparse))
        allowed = max_activity is None or 0 < max_activity <= 1
        require(allowed, "max_activity", "None or a number above 0 and up to 1", max_activity)
        self.max_activity, self.dropout, self.delay = max_activity, checked_chance(dropout), checked_delay(delay)
        shape = (blocks_of(out_features), padded(out_features), BLOCK)
        self.recurrent_weight = nn.Parameter(torch.zeros(shape)) if recurrent is True else None
        self.route: Route | None = None
        self._low = False
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
            InputError: an input or a state that does not fit; on the CPU, NaN or infinite numbers in the membranes.
        """
        dense = is_dense(self.sparse, self.route)
        x = checked(x, self.in_features, self.weight, dense=dense)
        if dense and (self.delay or (self.dropout and self.training)):
            x = as_tensor(x)
        x, late = delayed(x, state, steps=self.delay)
        x, kept = drop(x, state, chance=self.dropout, training=self.training)
        self.route = route_for(x, sparse=self.sparse, chosen=self.route)
        self._lay_out(dense=not self.route.sparse)
        steps, batch = (x.steps, x.batch) if isinstance(x, Spikes) else x.shape[:2]
        values, spike = self._start(state, batch)
        seed = int(torch.randint(2**62, (), device="cpu")) if self.limit else 0
        settings = (steps, self.out_features, self._equations, self.surrogate.spec, self.limit, seed)
        weight = scaled(self.weight, chance=self.dropout, training=self.training)
        layer = (self._padded_bias(), self._numbers(), self._depth(), values, spike, *settings)
        self._low = bf16_wanted(weight.device)
        # A compiled network takes the same products as another one.
        unlisted = not self._lists_ids and not torch.compiler.is_compiling()
        out = (
            self._sparse(x, weight, layer) if self.route.sparse else self._dense(x, weight, layer, listed=not unlisted)
        )
        scanned = ops.Scanned(*out[: len(ops.Scanned._fields)])
        counts, last_state, last_spike = scanned.spike_count, scanned.last_state, scanned.last_spike
        self._counts, self._dropped, self._cells = counts, scanned.dropped, steps * batch * self.out_features
        check_finite(self, last_state)
        if unlisted:
            lists = partial(ops.listed, out[-1], scanned.spikes, scanned.near, len(scanned.slope))
            spikes = Spikes.unlisted(out[-1], counts, lists, steps=steps, neurons=self.out_features)
        else:
            rows = (scanned.ids, scanned.row_start, counts, scanned.active)
            spikes = Spikes(*rows, steps, batch, self.out_features)
            if len(out) > len(scanned) and not self.limit:
                object.__setattr__(spikes, "raster", out[-1])
        there = slice(0, self.out_features)
        return spikes, State(tuple(value[:, there] for value in last_state), last_spike[:, there], kept, late)

    def _sparse(self, x: Spikes | Tensor, weight: Tensor, layer: tuple[Any, ...]) -> tuple[Tensor, ...]:
        assert isinstance(x, Spikes)
        rows = (x.ids, x.row_start, x.spike_count, x.active)
        operator = ops.feedforward if self.recurrent_weight is None else ops.recurrent
        return operator(*rows, *self._shadowed(weight), *self._inner(), *layer)  # type: ignore[no-any-return]

    def _dense(self, x: Spikes | Tensor, weight: Tensor, layer: tuple[Any, ...], *, listed: bool) -> tuple[Tensor, ...]:
        current = currents_of(x, weight)
        if self.recurrent_weight is not None:
            return ops.recurrent_dense(current, *self._inner(), *layer)  # type: ignore[no-any-return]
        return ops.feedforward_dense(current, *layer, listed)  # type: ignore[no-any-return]

    def _inner(self) -> tuple[Tensor | None, ...]:
        """The weights between the neurons as operators take them, if there are any."""
        return () if self.recurrent_weight is None else self._shadowed(self.recurrent_weight)

    def _shadowed(self, weight: Tensor) -> tuple[Tensor, Tensor | None]:
        """Weights that are gathered, beside their shadow in bfloat16 or None."""
        return weight, ops.shadow(weight.detach()) if self._low else None

    @property
    def _lists_ids(self) -> bool:
        """Whether ids are listed before anyone asks for them: what follows a dense layer most often is one too."""
        assert self.route is not None
        return self.route.sparse or self.recurrent_weight is not None or self.limit > 0

    @property
    def limit(self) -> int:
        """How many ids may leave the layer in a step; 0 for no limit."""
        return 0 if self.max_activity is None else ops.capacity(self.max_activity, self.out_features)

    @property
    def kind(self) -> str:
        """The neuron's name; its reset stands there where it is not to zero."""
        return self.neuron.name.removesuffix(".zero")

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
        """What the layer is, which route it takes, why, and what it keeps of each step for its backward pass."""
        kind = {True: "recurrent ", "one-to-one": "one-to-one recurrent ", False: "feed-forward "}[self.recurrent]
        size = f"{self.in_features}-{self.out_features} {kind}{self.kind}"
        keeps = ["bits", "window entries", *(f"every {name}" for name in self.keeps)]
        if self.route is None:
            why = "no batch has come yet"
            return {"layer": size, "activity": "", "route": "undecided", "why": why, "keeps": ", ".join(keeps)}
        if self.weight.is_cuda and not self._lists_ids:
            keeps[1] = "every slope"
        return {
            "layer": size,
            "activity": f"{self.last_activity:.2%}",
            "route": self._described(self.route),
            "why": self.route.reason,
            "keeps": ", ".join(keeps),
        }

    def _described(self, route: Route) -> str:
        """The route in words, with what carries it out."""
        of, gpu = " in bfloat16" if self._low else "", self.weight.is_cuda
        if route.sparse:
            return f"sparse{of}, " + ("in Triton" if gpu else f"{width().lanes} lanes")
        inner = ", sparse between the neurons" if self.recurrent_weight is not None else ""
        return f"dense product{of}, " + ("scan in Triton" if gpu else f"{width().lanes}-lane scan") + inner

    def extra_repr(self) -> str:
        learned = f", learn={self.learned}" if self.learned else ""
        return f"{self.in_features}, {self.out_features}, neuron={self.kind}{learned}"

    def _check_names(self) -> None:
        """Raise where a parameter of the neuron has the name of something of the layer's."""
        own = {*inspect.signature(Spiking.__init__).parameters, *dir(self), "recurrent_weight", "route"}
        taken = [name for name in self.neuron.names if name in own]
        what, remedy = f"neuron {self.neuron.name}", "call them something else"
        require(not taken, what, "parameters with names that a layer does not use itself", ", ".join(taken), remedy)

    def _require_recurrent(self) -> None:
        require(self.recurrent_weight is not None, "layer", "one made with recurrent=True", "a feed-forward one")

    def _layouts(self) -> dict[str, int]:
        inner = {} if self.recurrent_weight is None else {"recurrent_weight": self.out_features}
        return super()._layouts() | inner

    def _depth(self) -> Tensor:
        """The margin from which on a neuron is in its gradient window."""
        return self._spread(self.second_threshold - self.threshold)

    def _start(self, state: State | None, batch: int) -> tuple[Tensor | None, Tensor | None]:
        """The states `[S, B, N]` and spikes `[B, N]` before the first step, padded to whole blocks; None for zeros."""
        if state is None:
            return None, None
        spike = state.spike
        require(spike is not None, "state", "one that a layer of this kind returned", "one without spikes")
        assert spike is not None
        state.check(self.neuron, batch, self.out_features, self.weight.device)
        missing = (0, padded(self.out_features) - self.out_features)
        values = torch.stack(state.values) if state.values else spike.new_zeros(0, *spike.shape)
        return nn.functional.pad(values, missing), nn.functional.pad(spike, missing)

    def _apply(self, *arguments: Any, **settings: Any) -> Self:
        before = self.weight.device.type
        super()._apply(*arguments, **settings)  # type: ignore[no-untyped-call]
        if self.weight.device.type != before:
            self.route = None  # which pays is another question there
        return self

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
