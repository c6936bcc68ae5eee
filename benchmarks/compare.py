"""Rows of one case, compared: who is fastest among whom, and by how much."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.implementations import is_ours
from benchmarks.rows import Row

SPARSE_PEERS = ("csr", "brainevent")
"""Parts of the names of peers that leave out work on silent neurons; all other peers compute densely."""

LEAST_BYTES = 1 << 20
"""The resident memory of a process tells no less apart."""

EXPERTS = "torch_expert"
"""How the names of plain torch begin that this project wrote as its own strongest opponent, and that no library has."""

LIBRARIES = ("snntorch", "spikingjelly", "norse", "sinabs", "spyx")
"""How the names of those adapters begin whose neurons are a published library's."""

Rows = Sequence[Row]
Which = Callable[[Row], bool]


def ours(row: Row) -> bool:
    """Whether a row is spikeloom's."""
    return is_ours(row["implementation"])


def peer(row: Row) -> bool:
    """Whether a row is not spikeloom's."""
    return not ours(row)


def everyday(row: Row) -> bool:
    """Whether a row is of what people run today: any peer but the experts."""
    return peer(row) and not row["implementation"].startswith(EXPERTS)


def library(row: Row) -> bool:
    """Whether a row is a published library's for spiking networks."""
    return peer(row) and row["implementation"].startswith(LIBRARIES)


def both(one: Which, other: Which) -> Which:
    """The rows that two choices share."""
    return lambda row: one(row) and other(row)


def ours_by(route: str, number_type: str | None = None) -> Which:
    """Rows of one of our routes: "sparse", "dense" or "auto"; of any number type if none is given."""

    def chosen(row: Row) -> bool:
        of_type = number_type in (None, row["number_type"])
        return of_type and str(row["implementation"]).startswith(f"ours_{route}")

    return chosen


def typed(which: Which, number_type: str) -> Which:
    """The same rows, of one number type."""
    return both(which, lambda row: row["number_type"] == number_type)


def dense(row: Row) -> bool:
    """Whether a row is of an implementation that computes all products, ours or not; our own choice is none."""
    name = str(row["implementation"])
    if ours(row):
        return name.startswith("ours_dense")
    return not any(part in name for part in SPARSE_PEERS)


def fastest(rows: Iterable[Row], which: Which) -> Row | None:
    """The row with the least median time among those chosen; None if there is none."""
    return min((row for row in rows if which(row)), key=lambda row: row["median_ms"], default=None)


def leanest(rows: Iterable[Row], which: Which) -> Row | None:
    """The row with the least memory among those chosen that tell theirs; None if there is none."""
    told = (row for row in rows if which(row) and row["peak_bytes"] is not None)
    return min(told, key=lambda row: row["peak_bytes"], default=None)


def speedup(rows: Rows, of: Which, over: Which) -> float | None:
    """How many steps of the fastest of some fit into one of the fastest of others; None where there are none."""
    mine, other = fastest(rows, of), fastest(rows, over)
    return None if mine is None or other is None else float(other["median_ms"] / mine["median_ms"])


def memory_ratio(rows: Rows, over: Which) -> float | None:
    """How many of our leanest steps fit into the memory of the leanest of others; None where none is told."""
    mine, other = leanest(rows, ours), leanest(rows, over)
    return None if mine is None or other is None else other["peak_bytes"] / max(mine["peak_bytes"], LEAST_BYTES)


def by_case(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each case, in the order of the rows."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["case"], []).append(row)
    return found


def swept(rows: Iterable[Row], prefix: str) -> list[tuple[float, list[Row]]]:
    """Cases called `PREFIX/NUMBER`, sorted by that number, with their rows."""
    found = []
    for case, own in by_case(rows).items():
        start, _, end = case.rpartition("/")
        if start == prefix and end.replace(".", "", 1).isdigit():
            found.append((float(end), own))
    return sorted(found, key=lambda pair: pair[0])
