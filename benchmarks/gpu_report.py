"""The section on GPUs of docs/benchmarks.md."""

from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks import gpu_cases, gpu_promises, rows, tables
from benchmarks.compare import by_case
from benchmarks.rows import Row
from benchmarks.sections import Footnotes, family_section, grouped, in_order, left_out, machine_line

TITLE = "## On a GPU\n"
NEVER = """\
Not measured: no GPU was at hand. The cases, the adapters and what times them are there (`make bench-gpu`, and
`spikeloom bench step --device cuda` for one shape), but have never run on a GPU, and nothing is claimed. What must come
out on an H200:
"""

HOW = """\
`make bench-gpu` measures. All is as on a CPU but for this:

* A step is timed in bursts of 20 ms or more: between two CUDA events, after a wait for all earlier work. The host's
  clock runs beside them, and counts where it has seen much more. Each turn begins with a burst that does not count.
* "graph": the whole step, optimiser and all, is recorded once and replayed as a CUDA graph. Our sparse route is in
  none: it asks the GPU how many ids there are. `ours_auto*_graph` are in one where all layers take the dense route.
* Products in fp32 are IEEE's; in rows of type tf32 the GPU rounds their operands. bf16 is the type of products alone.
* Memory is the peak of torch's allocator in a step, beyond weights, gradients and moments.
* Our losses and gradients, those of replayed graphs too, are checked against the reference on that GPU first.

gpu-ff is the paper's network of two hidden layers, all layers equally active, by shape, batch and activity in percent.
gpu-recurrent is 700-N-20 over 100 steps, inputs at 1 % and all of the N hearing each other, by N, batch and activity.
"""


def section(found: Sequence[Row], reasons: Mapping[str, Mapping[str, str]]) -> str:
    """The section: of the GPU with most rows, or that there are none.

    Args:
        found: rows of GPUs.
        reasons: why there are none, by setting and implementation.
    """
    if not found:
        return "\n".join([TITLE, NEVER, tables.promised(gpu_promises.promises())])
    machine, _ = Counter(row["machine"] for row in found).most_common(1)[0]
    own = _ordered([row for row in found if row["machine"] == machine])
    notes, cases = Footnotes(own), by_case(own)
    parts = [TITLE, machine_line(own), tables.promises(gpu_promises.outcomes(own))]
    missing = gpu_promises.unmeasured(own)
    if missing:
        parts += ["Promised, and not measured:\n", tables.promised(missing)]
    parts += [HOW, *(family_section(family, group, notes) for family, group in grouped(own).items())]
    there = {case: dict(reasons.get(rows.setting(case, no_amx=False, device="cuda"), {})) for case in cases}
    parts += ["### Footnotes on the GPU\n", notes.text(), left_out(there, cases, "### Without a row on the GPU\n")]
    return "\n".join(part for part in parts if part)


def _ordered(found: Sequence[Row]) -> list[Row]:
    """Rows by family and batch in the order in which these are measured, and within them by activity."""
    names = [spec.name for spec in gpu_cases.every()]
    families = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
    activity = {name: float(name.rpartition("/")[2]) for name in names}
    return in_order(found, sorted(names, key=lambda name: (families.index(name.rpartition("/")[0]), activity[name])))
