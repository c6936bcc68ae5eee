"""Both routes of a layer timed on a GPU, for the crossover between them: see `ops.crossover`.

The layer is of the size of the paper's and feed-forward; its input spikes everywhere with the same chance. The time is
that of a forward and a backward pass with the gradients by weights and inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import torch
import triton
from torch import Tensor

from spikeloom.neurons import equations, lif
from spikeloom.ops.arrays import BLOCK
from spikeloom.ops.choice import Crossover
from spikeloom.ops.crossover import kept_crossover
from spikeloom.ops.dense import currents_of_spikes
from spikeloom.ops.feedforward import feedforward
from spikeloom.ops.feedforward_dense import feedforward_dense
from spikeloom.ops.shadow import shadow
from spikeloom.spikes import Spikes
from spikeloom.surrogates import SuperSpike

REPEATS = 5
"""The fastest of so many runs counts, after one that compiles and warms up."""


def crossover(device: torch.device, *, low: bool) -> Crossover:
    """The crossover of a GPU, measured there when it is first asked for.

    Args:
        device: which GPU.
        low: whether products take bfloat16; float32 otherwise, as torch is set to multiply it.
    """
    name, numbers = torch.cuda.get_device_name(device), "bfloat16" if low else _float32()
    share = _measured(device, name, numbers)
    return Crossover(share, f"{share:.2%} in {numbers}, measured on this {name}")


def _float32() -> str:
    """The number type that torch's products of float32 take."""
    matmul = torch.backends.cuda.matmul
    # Only torch from 2.9 on has the first, and refuses the second where the first was set.
    rounded = matmul.fp32_precision == "tf32" if hasattr(matmul, "fp32_precision") else matmul.allow_tf32
    return "TF32" if rounded else "float32"


@cache
def _measured(device: torch.device, name: str, numbers: str) -> float:
    versions = {"spikeloom": version("spikeloom"), "torch": torch.__version__, "triton": triton.__version__}
    kind = {"gpu": name, "numbers": numbers, **versions}
    problem = Problem(low=numbers == "bfloat16", device=device)

    def seconds(activity: float, sparse: bool) -> float:
        return fastest(problem.work(activity, sparse=sparse))

    # Whoever asks may stand in a mode without gradients; a measurement takes them.
    with torch.cuda.device(device), torch.inference_mode(False), torch.enable_grad():
        return kept_crossover(kind, seconds)


def fastest(work: Callable[[], None]) -> float:
    """The seconds of the fastest of some runs, by the GPU's own clock."""
    work()
    found: list[float] = []
    for _ in range(REPEATS):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        work()
        last.record()
        last.synchronize()
        found.append(first.elapsed_time(last) / 1000)
    return min(found)


@dataclass(frozen=True)
class Problem:
    """A layer of LIF neurons.

    Args:
        low: whether products take bfloat16.
        device: where.
        steps: T.
        batch: B.
        size: inputs and neurons, a multiple of 64.
    """

    low: bool
    device: torch.device
    steps: int = 100
    batch: int = 48
    size: int = 1472

    def work(self, activity: float, *, sparse: bool) -> Callable[[], None]:
        """A forward and a backward pass on an input of that activity, by either route."""
        x, weight = self._input(activity), self._weight(sparse=sparse)
        rows = (x.ids, x.row_start, x.spike_count, x.active.requires_grad_())
        layer = self._layer()

        def run() -> None:
            if sparse:
                rounded = shadow(weight.detach()) if self.low else None
                out = feedforward(*rows, weight, rounded, *layer)[0]
            else:
                current = currents_of_spikes(*rows, weight, self.steps, self.low)
                out = feedforward_dense(current, *layer, False)[-1]
            torch.autograd.grad(out, (weight, rows[-1]), torch.ones_like(out))

        return run

    def _random(self) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(0)

    def _input(self, activity: float) -> Spikes:
        shape = (self.steps, self.batch, self.size)
        return Spikes.from_dense(torch.rand(shape, generator=self._random(), device=self.device) < activity)

    def _weight(self, *, sparse: bool) -> Tensor:
        """Drawn as a layer's are, and laid out as the route reads them."""
        blocks, bound = self.size // BLOCK, 2 * (6 / self.size) ** 0.5
        strides = (self.size * BLOCK, BLOCK, 1) if sparse else (BLOCK, self.size, 1)
        weight = torch.empty_strided((blocks, self.size, BLOCK), strides, device=self.device)
        return weight.uniform_(-bound, bound, generator=self._random()).requires_grad_()

    def _layer(self) -> tuple[object, ...]:
        """What operators take from `bias` to `seed`."""
        neuron = lif.neuron()
        numbers = torch.tensor([[p.default] for p in neuron.parameters], device=self.device).expand(-1, self.size)
        depth = torch.full((self.size,), -0.1, device=self.device)
        text, surrogate = equations(neuron, ()).text, SuperSpike(10.0).spec
        return None, numbers.contiguous(), depth, None, None, self.steps, self.size, text, surrogate, 0, 0
