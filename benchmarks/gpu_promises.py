"""What the project promises of a GPU, an H200, and what the rows say of each promise."""

from collections.abc import Sequence

from benchmarks.compare import Which, both, by_case, ours, ours_by, peer, typed
from benchmarks.demands import NOISE, Outcome, Speed, faster
from benchmarks.rows import Row

LIMIT_SHARE = "share of the measured shared-memory gather limit that forward pass and dL/dW reach"
"""Promised, and measured by nothing here yet: that limit is asked of a program in CUDA C++, which is still to come."""


def named(*beginnings: str) -> Which:
    """Rows of implementations whose names begin so."""
    return lambda row: str(row["implementation"]).startswith(beginnings)


def _launched_well(row: Row) -> bool:
    """Whether a step is compiled or in a CUDA graph."""
    return any(part in row["implementation"] for part in ("_compile", "_graph"))


def _in_graph(row: Row) -> bool:
    return str(row["implementation"]).endswith("_graph")


_SPIKINGJELLY = named("spikingjelly")
_FP32, _BF16 = typed(ours, "fp32"), typed(ours, "bf16")
_OWN_DENSE = "our sparse route against our own dense one, both bf16, the latter in a CUDA graph, 0.5 to 1 %"
_SPARSE_BF16, _DENSE_BF16 = ours_by("sparse", "bf16"), named("ours_dense_bf16_graph")


def _recurrent(words: str, case: str, aim: float) -> Speed:
    promise = f"recurrent {words}, against the fastest dense one in a CUDA graph"
    return Speed(promise, f"gpu-recurrent/{case}", aim, over=both(peer, _in_graph))


SPEEDS = (
    Speed("snnTorch, eager, 1 %", "gpu-ff/*/1", 100, over=named("snntorch")),
    Speed("SpikingJelly, its fastest back end, 1 %, fp32", "gpu-ff/*/1", 10, _FP32, typed(_SPIKINGJELLY, "fp32")),
    Speed("SpikingJelly, its fastest back end, 1 %, bf16", "gpu-ff/*/1", 3, _BF16, typed(_SPIKINGJELLY, "bf16")),
    Speed(
        "per-step dense under torch.compile or a CUDA graph, 1 %",
        "gpu-ff/*/1",
        5,
        over=both(named("torch_per_step"), _launched_well),
    ),
    Speed(_OWN_DENSE, "gpu-ff/*/1", 1.8, _SPARSE_BF16, _DENSE_BF16),
    Speed(_OWN_DENSE, "gpu-ff/*/0.5", 1.8, _SPARSE_BF16, _DENSE_BF16),
    _recurrent("N = 1,470, B = 48, at most 1 %", "1470/48/1", 5),
    _recurrent("N = 1,470, B = 48, at most 1 %", "1470/48/0.5", 5),
    _recurrent("N = 8,192, B = 8, 0.2 %", "8192/8/0.2", 15),
    _recurrent("N = 16,384, B = 1, 1 %", "16384/1/1", 25),
    _recurrent("N = 16,384, B = 1, 0.5 %", "16384/1/0.5", 38),
)

_AUTOMATIC = "automatic choice no slower than our own dense route, at any activity"


def promises() -> list[tuple[str, float]]:
    """All promises in words, with the ratio or the share that is promised."""
    found = dict.fromkeys((speed.promise, speed.aim) for speed in SPEEDS)
    return [*found, (f"{_AUTOMATIC}, fp32", NOISE), (f"{_AUTOMATIC}, bf16", NOISE), (LIMIT_SHARE, 0.6)]


def outcomes(rows: Sequence[Row]) -> list[Outcome]:
    """What the rows say of every promise, in the order of the promises."""
    return [*(outcome for speed in SPEEDS for outcome in speed.outcomes(rows)), *automatic(rows)]


def unmeasured(rows: Sequence[Row]) -> list[tuple[str, float]]:
    """The promises of which the rows say nothing."""
    told = {outcome.promise for outcome in outcomes(rows)}
    return [(promise, aim) for promise, aim in promises() if promise not in told]


def automatic(rows: Sequence[Row]) -> list[Outcome]:
    """Our automatic choice against our own dense route in a CUDA graph, of the same number type."""
    found = []
    for case, own in by_case(rows).items():
        for number_type in ("fp32", "bf16"):
            of, over = ours_by("auto", number_type), both(ours_by("dense", number_type), _in_graph)
            found += faster(f"{_AUTOMATIC}, {number_type}", case, NOISE, own, of, over)
    return found
