"""What all layers share: weights in blocks of 64 neurons, as the kernels read them, and seen as matrices outside."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikeloom.checks import require
from spikeloom.nn.numbers import Numbers
from spikeloom.ops.arrays import BLOCK, blocks_of, padded


def to_blocks(matrix: Float[Tensor, "N I"], *, rows: int | None = None) -> Float[Tensor, "K R 64"]:
    """A matrix `[out, in]` in blocks of 64 outputs, `[out / 64, in, 64]`, zeros where there is nothing."""
    outputs, inputs = matrix.shape
    full = matrix.new_zeros(rows or inputs, padded(outputs))
    full[:inputs, :outputs] = matrix.T
    return full.view(full.shape[0], -1, BLOCK).transpose(0, 1).contiguous()


def to_matrix(blocks: Float[Tensor, "K R 64"], outputs: int, inputs: int) -> Float[Tensor, "N I"]:
    """The matrix `[out, in]` that `to_blocks` was given, copied."""
    matrix = blocks.transpose(0, 1).reshape(blocks.shape[1], -1)[:inputs, :outputs].T
    return matrix.clone(memory_format=torch.contiguous_format)


class Blocked(Numbers):
    """A layer with weights from `in_features` inputs to `out_features` neurons.

    `weight` is `[out / 64, in, 64]`, in blocks of 64 neurons padded with zeros. `weight_matrix`, `load_weight_matrix`,
    `weight_gradient` and `state_dict` show it as `[out, in]`.
    """

    bias: nn.Parameter | None
    label: str

    def __init__(self, in_features: int, out_features: int, *, bias: bool) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            require(isinstance(size, int) and size > 0, name, "a whole number above 0", repr(size))
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.zeros(blocks_of(out_features), in_features, BLOCK))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def _layouts(self) -> dict[str, int]:
        """The blocked parameters by name, each with its number of inputs."""
        return {"weight": self.in_features}

    def _padded_bias(self) -> Tensor | None:
        return None if self.bias is None else self._spread(self.bias)

    def weight_matrix(self) -> Float[Tensor, "N I"]:
        """The input weights `[out, in]`, copied."""
        return self._matrix("weight")

    @torch.no_grad()
    def load_weight_matrix(self, matrix: Float[Tensor, "N I"]) -> None:
        """Set the input weights from `[out, in]`.

        Raises:
            InputError: a matrix of another shape.
        """
        self._load("weight", matrix)

    def weight_gradient(self) -> Float[Tensor, "N I"] | None:
        """The gradient of the input weights `[out, in]`, copied; None before a backward pass."""
        return self._gradient("weight")

    def _lay_out(self, *, dense: bool) -> None:
        """Lay the input weights out as a route reads them: block by block, or with whole rows for dense products.

        Their shape stays. This happens when a layer chooses its route, on its first batch.
        """
        blocks, rows, lanes = self.weight.shape
        wanted = (lanes, blocks * lanes, 1) if dense else (rows * lanes, lanes, 1)
        if self.weight.stride() != wanted and blocks > 1:
            self._lay_out_by(wanted)

    # torch.compile cannot trace a parameter whose memory is replaced. `torch.compiler.disable` does the same as this,
    # but imports the tracer at once.
    @torch._disable_dynamo  # type: ignore[attr-defined]
    def _lay_out_by(self, strides: tuple[int, ...]) -> None:
        data = self.weight.data.new_empty_strided(self.weight.shape, strides).copy_(self.weight.data)
        self.weight.data, self.weight.grad = data, None

    def _matrix(self, name: str) -> Tensor:
        return to_matrix(getattr(self, name).detach(), self.out_features, self._layouts()[name])

    def _gradient(self, name: str) -> Tensor | None:
        gradient = getattr(self, name).grad
        return None if gradient is None else to_matrix(gradient, self.out_features, self._layouts()[name])

    def _load(self, name: str, matrix: Tensor) -> None:
        wanted = (self.out_features, self._layouts()[name])
        require(tuple(matrix.shape) == wanted, name, f"a matrix {wanted}, [out, in]", tuple(matrix.shape))
        parameter = getattr(self, name)
        parameter.copy_(to_blocks(matrix.to(parameter), rows=parameter.shape[1]))

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in self._layouts():
            destination[prefix + name] = self._matrix(name)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        errors = args[-1]
        for name, inputs in self._layouts().items():
            matrix, wanted = state_dict.get(prefix + name), (self.out_features, inputs)
            if matrix is None:
                continue
            if tuple(matrix.shape) != wanted:
                errors.append(f"{prefix}{name}: expected {wanted}, [out, in], got {tuple(matrix.shape)}")
                del state_dict[prefix + name]
                continue
            state_dict[prefix + name] = to_blocks(matrix, rows=getattr(self, name).shape[1])
        super()._load_from_state_dict(state_dict, prefix, *args)
