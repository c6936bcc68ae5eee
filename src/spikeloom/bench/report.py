"""What was measured, as one line of JSON or as tables for people."""

import json
from importlib.metadata import version
from typing import Any

from spikeloom.bench import host, parts
from spikeloom.bench.contender import OURS, OWN_DENSE
from spikeloom.bench.step import MEMORY_PEER, Result, rivals

SHARE_NAMES = {"forward": "forward", "dw": "dL/dW", "dx": "dL/dX"}


def as_json(result: Result) -> str:
    """The result as one line; see `values` for its keys."""
    return json.dumps(values(result))


def values(result: Result) -> dict[str, Any]:
    """The result as an object: times in ms, bandwidths in GB/s, activities as fractions."""
    work, limits = result.workload, result.limits
    return {
        "case": work.case.name,
        "input_activity": work.activity,
        "hidden_activity": work.hidden_activity,
        "recurrent": work.recurrent,
        "threads": result.threads,
        "ms_per_step": _rounded(result.ms(OURS)),
        "dense_ms_per_step": {name: _rounded(result.ms(name)) for name in rivals()},
        "own_dense_ms_per_step": _rounded(result.ms(OWN_DENSE)),
        "speedup_over_best_torch": _rounded(result.speedup_over(rivals())),
        "speedup_over_best_torch_fp32": _rounded(result.speedup_over(rivals(fp32=True))),
        "speedup_over_own_dense": _rounded(result.speedup_over([OWN_DENSE])),
        "limit_share": {name: share and _rounded(share) for name, share in _shares(result).items()},
        "activity": [_rounded(a) for a in result.activity[OURS]],
        "window": [_rounded(w) for w in result.window],
        "dense_activity": {name: [_rounded(a) for a in result.activity[name]] for name in [OWN_DENSE, *rivals()]},
        "extra_bytes": result.extra_bytes[OURS],
        "dense_extra_bytes": result.extra_bytes[MEMORY_PEER],
        "limits": {
            "l2_gather": _rounded(limits.l2_gather),
            "l3_gather": _rounded(limits.l3_gather),
            "copy": _rounded(limits.copy),
        },
        "parts": [
            {"name": part.name, "product": part.product, "ms": _rounded(1e3 * part.seconds), "bytes": part.row_bytes}
            for part in result.parts
        ],
        "steps_ms": {name: [_rounded(1e3 * s) for s in seconds] for name, seconds in result.seconds.items()},
        "denormals_flushed": result.flushed,
        "processor": host.processor(),
        "versions": {name: version(name) for name in ("spikeloom", "torch", "numba")},
    }


def print_tables(result: Result) -> None:
    """Print the result for people, on standard output."""
    from rich.console import Console

    console = Console()
    console.print(_title(result), highlight=False)
    for table in (_contenders(result), _parts(result), _limits(result)):
        console.print(table)
    if not result.flushed:
        console.print("Denormal numbers could not be flushed in all of torch's threads on this machine.")


def _title(result: Result) -> str:
    work = result.workload
    sizes = "-".join(str(n) for n in (work.case.inputs, *work.hidden, work.case.classes))
    kind = "recurrent" if work.recurrent else "feed-forward"
    spiked = ", ".join(f"{a:.2%} (window {w:.2%})" for a, w in zip(result.activity[OURS], result.window, strict=True))
    return (
        f"case {work.case.name}: {sizes}, {kind}, T = {work.case.steps}, B = {work.batch}, {result.threads} threads\n"
        f"input activity {work.activity:.2%}; hidden layers, measured: {spiked}"
    )


def _contenders(result: Result) -> Any:
    table = _table("training step", "ms", "ours is faster by", "activity", "extra MB")
    for name in (OURS, OWN_DENSE, *rivals()):
        extra = result.extra_bytes.get(name)
        table.add_row(
            name,
            f"{result.ms(name):.1f}",
            "" if name == OURS else f"{result.speedup_over([name]):.1f}",
            " ".join(f"{a:.2%}" for a in result.activity[name]),
            "" if extra is None else f"{extra / 1e6:.1f}",
        )
    return table


def _parts(result: Result) -> Any:
    table = _table("parts of our step", "product", "ms", "GB/s", "share of L2 limit")
    for part in result.parts:
        rate = part.row_bytes / part.seconds / 1e9 if part.row_bytes and part.seconds > 0 else None
        table.add_row(
            part.name,
            SHARE_NAMES[part.product] if part.product else "",
            f"{1e3 * part.seconds:.2f}",
            f"{rate:.0f}" if rate else "",
            f"{rate / result.limits.l2_gather:.0%}" if rate else "",
        )
    for name, share in _shares(result).items():
        table.add_row("all hidden layers", SHARE_NAMES[name], "", "", "none" if share is None else f"{share:.0%}")
    return table


def _limits(result: Result) -> Any:
    limits = result.limits
    table = _table("limits of this machine, all threads together", "GB/s")
    table.add_row(f"random 256-byte rows out of L2 ({limits.l2_bytes >> 10} KiB a thread)", f"{limits.l2_gather:.0f}")
    table.add_row(f"random 256-byte rows out of L3 ({limits.l3_bytes >> 20} MiB a thread)", f"{limits.l3_gather:.0f}")
    table.add_row("copy of memory, read and written", f"{limits.copy:.0f}")
    return table


def _table(first: str, *others: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _shares(result: Result) -> dict[str, float | None]:
    return parts.shares(result.parts, result.limits.l2_gather)


def _rounded(value: float) -> float:
    """Four significant digits: none of these figures has more."""
    return float(f"{value:.4g}")
