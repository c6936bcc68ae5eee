"""Numbers and sentences as people read them."""

import math
from collections.abc import Sequence

_PREFIXES = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage: 0.9361 is "93.6 %"."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def activity(share: float) -> str:
    """A small share as a percentage with two digits that count: 0.0142 is "1.4 %", 0.00031 is "0.031 %"."""
    if share <= 0:
        return "0\N{NO-BREAK SPACE}%"
    digits = max(0, 1 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{min(digits, 4)}f}\N{NO-BREAK SPACE}%"


def compact(number: float) -> str:
    """A count with three digits that count: 1234567 is "1.23 M"."""
    for size, prefix in _PREFIXES:
        if abs(number) >= size:
            return f"{number / size:.3g}{prefix}" if abs(number) < 999.5 * size else f"{number / size:.0f}{prefix}"
    return f"{number:.0f}" if number == round(number) or abs(number) >= 100 else f"{number:.3g}"


def times(ratio: float) -> str:
    """A ratio: 21.34 is "21 ×"."""
    return f"{ratio:.1f}\N{NO-BREAK SPACE}×" if ratio < 10 else f"{ratio:,.0f}\N{NO-BREAK SPACE}×"


def duration(seconds: float) -> str:
    """A time: 75.2 is "1 min 15 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def several(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: "1 sample", "3 samples"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Parts as a sentence lists them: "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))


def shortened(name: str, length: int) -> str:
    """A name that takes at most so many characters."""
    return name if len(name) <= length else name[: length - 1] + "…"
