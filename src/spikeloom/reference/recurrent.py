"""A recurrent layer of spiking neurons, all to all."""

from jaxtyping import Bool, Float
from torch import Tensor

from spikeloom.neurons import Neuron
from spikeloom.reference.scan import Parameter, Scanned, State, scan, zero_state
from spikeloom.surrogates import Surrogate


def recurrent(
    x: Float[Tensor, "T B I"],
    weight: Float[Tensor, "N I"],
    recurrent_weight: Float[Tensor, "N N"],
    bias: Float[Tensor, "N"] | None = None,
    state: State | None = None,
    *,
    neuron: Neuron,
    parameters: tuple[Parameter, ...],
    depth: Parameter,
    surrogate: Surrogate,
    keep: Bool[Tensor, "T B N"] | None = None,
    frozen: Float[Tensor, "T B N"] | None = None,
) -> Scanned:
    """Neurons driven by their inputs and by the layer's own spikes of the step before.

        I[t] = W x[t] + V S[t-1] + b

    and all else as in `feedforward` (Finkbeiner et al. 2024). S[t-1] carries a gradient here, inside its window, though
    the reset that reads it carries none. A cap does not act on the recurrence: neurons of a layer see all its spikes.

    Args:
        x: inputs, 0 or 1 or any real number.
        weight: W.
        recurrent_weight: V; row n holds what reaches neuron n.
        bias: b; None for none.
        state: the neuron's states and its spikes, 0 or 1, from the step before; None for zeros.
        neuron, parameters, depth, surrogate, keep, frozen: as in `feedforward`.

    Returns:
        spikes, window, margin and state, as in `feedforward`.
    """
    steps, batch, _ = x.shape

    def current(t: int, spike: Tensor) -> Tensor:
        summed = x[t] @ weight.T + spike @ recurrent_weight.T  # [B, N]
        return summed if bias is None else summed + bias

    return scan(
        current,
        state or zero_state(neuron, x, batch, len(weight)),
        steps=steps,
        neuron=neuron,
        parameters=parameters,
        depth=depth,
        surrogate=surrogate,
        keep=keep,
        frozen=frozen,
    )
