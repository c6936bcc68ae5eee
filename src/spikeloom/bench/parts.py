"""What a step of ours is made of.

The kernels that gather rows, of weights or of adjoints, are replayed in the order of a step, so that caches are as in a
step. A backward kernel makes dL/dW and dL/dX at once: replayed without room for dL/dX it makes dL/dW alone, and what it
then takes less is dL/dX's time. So the scan of the neurons counts as part of dL/dW, as it does as part of the forward
pass; so do the lists of spikes by neuron, and the gradients of what left the layer in the order of blocks.
"""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from spikeloom.bench.calls import Call, recorded, rows_moved
from spikeloom.bench.contender import Contender

REPLAYS = 9
STEPS = 5
PHASES = ("forward pass", "backward pass", "optimiser")
PRODUCTS = ("forward", "dw", "dx")
ROW_BYTES = 4
"""Of each row that a spike or a window entry names, a neuron's float32: a weight, or of dL/dW an adjoint."""


@dataclass(frozen=True)
class Part:
    """A part of a step.

    Args:
        name: what it is.
        seconds: the median of its times.
        product: "forward", "dw" or "dx" where it is one of the weights' products, else None.
        row_bytes: what such a product has to gather, at `ROW_BYTES` a row and neuron.
    """

    name: str
    seconds: float
    product: str | None = None
    row_bytes: int = 0


def measure(trainer: Contender, hidden: tuple[int, ...]) -> list[Part]:
    """The parts of a step: its three phases, then the kernels.

    Args:
        trainer: whose step it is.
        hidden: the sizes of the hidden layers.
    """
    calls: list[Call] = []
    with recorded(calls):
        trainer.step()
    times = zip(*(trainer.timed_step() for _ in range(STEPS)), strict=True)
    phases = [Part(name, median(t)) for name, t in zip(PHASES, times, strict=True)]
    return [*phases, *products(calls, hidden), *others(calls)]


def products(calls: list[Call], hidden: tuple[int, ...]) -> list[Part]:
    """The hidden layers' products, each replayed and timed.

    The readout is not among them: of its block of 64 neurons only few exist.
    """
    moving = [call for call in calls if rows_moved(call) and not call.name.startswith("readout.")]
    alone = [call.without_d_input() for call in moving]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in moving]
    for _ in range(REPLAYS):
        for call, less, (whole, without) in zip(moving, alone, times, strict=True):
            whole.append(call.replay())
            without.append(less.replay() if less else whole[-1])
    parts = []
    for call, (whole, without) in zip(moving, times, strict=True):
        parts += _split(call, _size(call, hidden), median(whole), median(without))
    return parts


def _split(call: Call, neurons: int, seconds: float, without_dx: float) -> list[Part]:
    """A call's products, with their times: all of it, or what it takes without dL/dX and what that takes on top."""
    rows = {product: count for product, count in rows_moved(call).items() if count}
    of = {"dw": without_dx, "dx": seconds - without_dx} if len(rows) > 1 else dict.fromkeys(rows, seconds)
    name = f"{call.name}, {_inputs(call)} to {neurons}"
    return [Part(name, of[p], p, ROW_BYTES * count * neurons) for p, count in rows.items()]


def _inputs(call: Call) -> int:
    """How many rows the weights have that the call works on, but for those between neurons."""
    holder = call.get("source") or call.get("sink")
    return call.get("outside").columns.start.shape[1] - 1 if holder is None else int(holder.inputs)


def _size(call: Call, hidden: tuple[int, ...]) -> int:
    """How many neurons the call's layer has; kernels know whole blocks of 64."""
    padded = call.get("parameters").shape[1]
    return next(neurons for neurons in hidden if -(-neurons // 64) * 64 == padded)


def others(calls: list[Call]) -> list[Part]:
    """The other kernels as they ran within the step, calls of one kernel added up."""
    seconds: dict[str, float] = defaultdict(float)
    for call in calls:
        if not rows_moved(call) or call.name.startswith("readout."):
            seconds[call.name] += call.seconds
    return [Part(name, total) for name, total in seconds.items()]


def shares(parts: list[Part], limit: float) -> dict[str, float | None]:
    """What share of a limit in GB/s each product reaches, all hidden layers together; None where there is none."""
    found: dict[str, float | None] = {}
    for product in PRODUCTS:
        mine = [part for part in parts if part.product == product]
        seconds = sum(part.seconds for part in mine)
        found[product] = sum(part.row_bytes for part in mine) / seconds / 1e9 / limit if seconds > 0 else None
    return found
