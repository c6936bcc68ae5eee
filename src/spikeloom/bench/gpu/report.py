"""What was measured on a GPU, as one line of JSON or as tables for people."""

import json
from collections.abc import Callable
from typing import Any

from spikeloom.bench.gpu.step import Result
from spikeloom.bench.gpu.ways import WAYS, Way

Which = Callable[[Way], bool]


def _fp32(way: Way) -> bool:
    return way.numbers == "fp32"


def _bf16(way: Way) -> bool:
    return way.numbers == "bf16"


RATIOS: dict[str, tuple[Which, Which]] = {
    "ours over the fastest of plain torch": (lambda w: w.ours, lambda w: not w.ours),
    "the same, fp32 alone": (lambda w: w.ours and _fp32(w), lambda w: not w.ours and _fp32(w)),
    "the same, bf16 alone": (lambda w: w.ours and _bf16(w), lambda w: not w.ours and _bf16(w)),
    "ours over plain torch per step, compiled or in a graph": (
        lambda w: w.ours,
        lambda w: w.kind == "per_step" and (w.compiled or w.graph),
    ),
    "our sparse route over our dense one, bf16": (
        lambda w: w.kind == "spikeloom" and _bf16(w),
        lambda w: w.kind == "own_dense" and _bf16(w),
    ),
    "our sparse route over our dense one, fp32": (
        lambda w: w.kind == "spikeloom" and _fp32(w),
        lambda w: w.kind == "own_dense" and _fp32(w),
    ),
}
"""How many steps of the fastest of some fit into one of the fastest of others."""


def ratios(result: Result) -> dict[str, float]:
    """The ratios of `RATIOS` whose both sides were measured."""
    found = {}
    for name, (of, over) in RATIOS.items():
        mine, other = result.fastest(of), result.fastest(over)
        if mine is not None and other is not None:
            found[name] = _rounded(result.ms(other) / result.ms(mine))
    return found


def values(result: Result) -> dict[str, Any]:
    """The result as an object: times in ms, activities as fractions."""
    work = result.workload
    return {
        "device": "cuda",
        **result.facts,
        "case": work.case.name,
        "batch": work.batch,
        "input_activity": work.activity,
        "hidden_activity": work.hidden_activity,
        "recurrent": work.recurrent,
        "ms_per_step": {name: _rounded(result.ms(name)) for name in result.seconds},
        "ratios": ratios(result),
        "activity": {name: [_rounded(a) for a in own] for name, own in result.activity.items()},
        "window": [_rounded(w) for w in result.window],
        "extra_bytes": result.extra_bytes,
        "bursts_ms": {name: [_rounded(1e3 * s) for s in own] for name, own in result.seconds.items()},
        "left_out": result.left_out,
    }


def as_json(result: Result) -> str:
    """The result as one line; see `values` for its keys."""
    return json.dumps(values(result))


def print_tables(result: Result) -> None:
    """Print the result for people, on standard output."""
    from rich.console import Console

    console = Console()
    console.print(_title(result), highlight=False)
    console.print(_contenders(result))
    for name, ratio in ratios(result).items():
        console.print(f"{name}: {ratio:g}", highlight=False)
    for name, reason in result.left_out.items():
        console.print(f"{name} left out: {reason}", highlight=False, markup=False)


def _title(result: Result) -> str:
    work, about = result.workload, result.facts
    sizes = "-".join(str(n) for n in (work.case.inputs, *work.hidden, work.case.classes))
    kind = "recurrent" if work.recurrent else "feed-forward"
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return (
        f"{about['gpu']}, {about['memory_bytes'] / 1e9:.0f} GB, compute capability {about['capability']}; {versions}\n"
        f"case {work.case.name}: {sizes}, {kind}, T = {work.case.steps}, B = {work.batch}; "
        f"input activity {work.activity:.2%}, hidden layers {work.hidden_activity:.2%} as asked"
    )


def _contenders(result: Result) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column("training step")
    for name in ("ms", "times our fastest", "samples/s", "activity", "extra MB"):
        table.add_column(name, justify="right")
    ours = result.fastest(lambda way: way.ours)
    for name in WAYS:
        if name in result.seconds:
            ms = result.ms(name)
            table.add_row(
                name,
                f"{ms:.3f}",
                f"{ms / result.ms(ours):.2f}" if ours else "",
                f"{1e3 * result.workload.batch / ms:,.0f}",
                " ".join(f"{a:.2%}" for a in result.activity[name]),
                f"{result.extra_bytes[name] / 1e6:.1f}",
            )
    return table


def _rounded(value: float) -> float:
    """Four significant digits: none of these figures has more."""
    return float(f"{value:.4g}")
