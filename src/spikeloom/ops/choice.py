"""Which route a layer takes: the sparse one, or dense products over all steps and samples at once."""

from typing import NamedTuple

# Above this share of active ids a sparse step takes longer than dense products in float32, or in bfloat16, on a
# processor that multiplies matrices of it. Measured for 16 lanes, see docs/design/performance.md.
CROSSOVER = {16: 0.34, 8: 0.25, 4: 0.25}
LOW_CROSSOVER = {16: 0.07, 8: 0.25, 4: 0.25}


class Route(NamedTuple):
    """The chosen route and why it was chosen; `kept` where later batches take it too."""

    sparse: bool
    reason: str
    kept: bool = False


def choose(*, activity: float, window: float, lanes: int, low: bool = False) -> Route:
    """Choose by the input's activity, which sets the cost of the sparse forward pass and weight gradient.

    The choice depends on the batch, the width of the vector registers and the number type alone, not on a clock: so
    runs repeat.

    Args:
        activity: the share of the inputs that spike in a step, from 0 to 1.
        window: the share in their gradient window, 0 where no gradient by the input is wanted.
        lanes: of a vector register.
        low: whether products take bfloat16, float32 otherwise.
    """
    # Spikes cost rows in the forward pass and the weight gradient, entries in the window rows for the input's. Three to
    # one are the weights with which the crossovers were measured.
    passes = 4 if window else 3
    share = (3 * activity + window) / passes
    limit = (LOW_CROSSOVER if low else CROSSOVER)[lanes]
    side, of = "below" if share <= limit else "above", " in bfloat16" if low else ""
    return Route(
        share <= limit,
        f"{share:.2%} of the ids active in the first batch, {side} the crossover of {limit:.0%}{of}",
        True,
    )
