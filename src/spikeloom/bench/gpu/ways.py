"""The ways to take a training step that are compared on a GPU: by whom, in which number type, how it is launched."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

OURS = ("spikeloom", "own_dense")
PLAIN = ("per_step", "folded")


@dataclass(frozen=True)
class Way:
    """A way to take a step.

    Args:
        kind: ours: "spikeloom", the sparse route, or "own_dense"; plain torch's: "per_step", one loop over time around
            all layers, or "folded", a product over all steps in front of each layer's loop.
        numbers: of products: "fp32", "tf32" or "bf16"; sums and membranes are fp32.
        compiled: whether torch compiles a step of time.
        graph: whether the whole step is replayed as a CUDA graph, optimiser and all.
    """

    kind: str
    numbers: str
    compiled: bool = False
    graph: bool = False

    @property
    def name(self) -> str:
        """What tables and JSON call it."""
        return f"{self.kind}_{self.numbers}" + "_compile" * self.compiled + "_graph" * self.graph

    @property
    def ours(self) -> bool:
        """Whether it is spikeloom's."""
        return self.kind in OURS


WAYS = {
    way.name: way
    for way in (
        Way("spikeloom", "fp32"),
        Way("spikeloom", "bf16"),
        *(Way("own_dense", numbers) for numbers in ("fp32", "bf16")),
        *(Way("own_dense", numbers, graph=True) for numbers in ("fp32", "tf32", "bf16")),
        *(Way("per_step", "fp32", compiled, graph) for graph in (False, True) for compiled in (False, True)),
        Way("per_step", "bf16", compiled=True, graph=True),
        *(Way("folded", numbers) for numbers in ("fp32", "tf32", "bf16")),
        *(Way("folded", numbers, graph=True) for numbers in ("fp32", "tf32", "bf16")),
    )
}
"""What is measured. Our sparse route is in no graph: it asks the GPU how many ids there are, which a graph cannot."""


@contextmanager
def products_in(numbers: str) -> Iterator[None]:
    """Let torch round the operands of fp32 products to TF32, or not; torch has one setting for all that it does."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if numbers == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
