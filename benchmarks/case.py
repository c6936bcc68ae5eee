"""What every implementation is given to train on: arrays and numbers, the same for all.

Nothing here knows spikeloom: adapters run in an environment of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Case:
    """One training step, fully stated.

    The network is a chain of layers of LIF neurons, U[t] = beta U[t-1] (1 - S[t-1]) + gain I[t], that spike where
    U >= threshold, and a readout M[t] = readout_beta M[t-1] + gain W S[t] whose sum over all steps goes into the
    cross-entropy. Where `readout` is None the loss is the mean of the last layer's spikes over everything.

    Args:
        name: of the case, and what is varied in it.
        x: input `[T, B, I]` float32; zeros and ones, or any numbers where `binary` is False.
        binary: whether the input is spikes.
        labels: `[B]` int64.
        weights: of each hidden layer, `[N, I]` float32.
        recurrent: of each hidden layer, `[N, N]` float32, or None for a layer without.
        readout: `[C, N]` float32, or None.
        beta: decay of the hidden membranes in a step.
        readout_beta: decay of the readout.
        gain: what multiplies every current.
        threshold: where a neuron spikes.
        second_threshold: where its gradient window begins; peers that have none take all neurons.
        slope: k of the surrogate 1 / (k |U - threshold| + 1)^2.
        optimizer: "adam" or "sgd", at a learning rate of 0: all of its arithmetic, and weights that stay.
        activity: the activity `[layers]` that hidden layers should have, as measured when the case was made.
    """

    name: str
    x: Tensor
    binary: bool
    labels: Tensor
    weights: tuple[Tensor, ...]
    recurrent: tuple[Tensor | None, ...]
    readout: Tensor | None
    beta: float
    readout_beta: float
    gain: float
    threshold: float
    second_threshold: float
    slope: float
    optimizer: str
    activity: tuple[float, ...]

    @property
    def layers(self) -> list[int]:
        """Neurons of each layer, from the input to the readout."""
        readout = [] if self.readout is None else [len(self.readout)]
        return [self.x.shape[2], *map(len, self.weights), *readout]

    @property
    def state_bytes(self) -> int:
        """Bytes of weights, gradients and the optimiser's moments, whatever an implementation pads its weights to."""
        weights = [w for w in (*self.weights, *self.recurrent, self.readout) if w is not None]
        return (4 if self.optimizer == "adam" else 2) * sum(w.numel() * w.element_size() for w in weights)

    @property
    def device(self) -> torch.device:
        """Where its arrays lie, and so where an implementation works."""
        return self.x.device

    def on(self, device: torch.device | str) -> "Case":
        """The same case with its arrays on a device."""
        return replace(
            self,
            x=self.x.to(device),
            labels=self.labels.to(device),
            weights=tuple(w.to(device) for w in self.weights),
            recurrent=tuple(None if v is None else v.to(device) for v in self.recurrent),
            readout=None if self.readout is None else self.readout.to(device),
        )


@dataclass(frozen=True)
class Built:
    """An implementation that is ready to run.

    What it still refers to of the case counts as memory of its step: so copy the weights, and keep the input only in
    the form that a step takes.

    Args:
        step: forward, backward and optimiser; on the CPU it returns when all of it is done, on a GPU when all of it is
            on the way.
        activity: a forward pass without gradients, to each hidden layer's share of neurons and steps that spiked.
        check: the loss and its gradients by `weights`, `recurrent` (where there are any) and `readout`, each as the
            case has it, for those that can tell; None for others.
        note: what is worth knowing of how it runs on this case and device.
    """

    step: Callable[[], object]
    activity: Callable[[], list[float]]
    check: Callable[[], tuple[float, list[Tensor]]] | None = None
    note: str = ""


def optimizer(name: str, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """The case's optimiser in torch's fastest form, for those that train with torch; on a GPU one that graphs hold."""
    if name == "adam":
        return torch.optim.Adam(parameters, lr=0.0, fused=True, capturable=all(p.is_cuda for p in parameters))
    return torch.optim.SGD(parameters, lr=0.0, fused=True)
