"""What the operators do with tensors on a GPU: checks and shapes are those of `ops`, the work is `kernels.cuda`'s.

This is imported when a tensor on a GPU first comes to an operator, since it imports Triton.
"""

from spikeloom.ops.cuda import dense, feedforward, feedforward_dense, product, readout, recurrent, select

__all__ = ["dense", "feedforward", "feedforward_dense", "product", "readout", "recurrent", "select"]
