"""A feed-forward layer of spiking neurons."""

from jaxtyping import Bool, Float
from torch import Tensor

from spikeloom.neurons import Neuron
from spikeloom.reference.scan import Parameter, Scanned, State, scan, zero_state
from spikeloom.surrogates import Surrogate


def feedforward(
    x: Float[Tensor, "T B I"],
    weight: Float[Tensor, "N I"],
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
    """Neurons driven by their inputs alone.

        I[t] = W x[t] + b
        U[t], margin[t] = step(U[t-1], S[t-1], I[t])
        S[t] = 1 where margin[t] >= 0, else 0

    with `step` the neuron's own, for the leaky integrate-and-fire neuron (Finkbeiner et al. 2024)

        U[t] = beta R(U[t-1], S[t-1]) + gain I[t],    margin[t] = U[t] - threshold

    and the gradient of S as `fire` has it. The reset reads the spike of the step before, through which no gradient
    flows.

    Args:
        x: inputs, 0 or 1 or any real number.
        weight: W.
        bias: b; None for none.
        state: the neuron's states and its spikes, 0 or 1, from the step before; None for zeros.
        neuron: whose `step` runs.
        parameters: as `neuron.parameters` names them; numbers, or tensors `[N]`, which may take gradients.
        depth: second threshold less threshold, at most 0: the window is where `margin >= depth`. -inf for no limit.
        surrogate: what stands for the derivative of the spike.
        keep: True for what a cap lets out of the layer (see `cap`); None for all. What it holds back is 0 in the spikes
            and False in the window, and takes no gradient; the neuron still spikes and resets for itself.
        frozen: for tests by finite differences. Given, the spikes are the surrogate's windowed primitive in place of 0
            and 1, and the reset of step t reads `frozen[t]`, which stands for the spikes of step t - 1.

    Returns:
        spikes: `[T, B, N]`, what leaves the layer.
        window: `[T, B, N]` bool, where it takes a gradient.
        margin: `[T, B, N]`, whatever the cap.
        state: the neuron's states and spikes after the last step, whatever the cap.
    """
    steps, batch, _ = x.shape

    def current(t: int, spike: Tensor) -> Tensor:
        summed = x[t] @ weight.T  # [B, N]
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
