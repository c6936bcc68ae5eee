"""The oracle of all tests: every operation in plain torch, on dense tensors, in the float dtype it is given.

Each file is one operation under the name it has in every other folder. Nothing here is fast, and nothing is sparse:
the loops over time read like the equations, and autograd makes the gradients. Weights are `[out, in]`, as in
torch.nn.Linear.
"""

from spikeloom.reference.cap import cap, capacity
from spikeloom.reference.feedforward import feedforward
from spikeloom.reference.fire import fire
from spikeloom.reference.product import product
from spikeloom.reference.readout import readout
from spikeloom.reference.recurrent import recurrent
from spikeloom.reference.select import select

__all__ = ["cap", "capacity", "feedforward", "fire", "product", "readout", "recurrent", "select"]
