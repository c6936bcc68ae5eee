"""docs/benchmarks.md and its pictures, written from the rows: `make bench-report`."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import cases, demands, figures, gpu_report, limits, rows, tables
from benchmarks.compare import by_case
from benchmarks.implementations import ROOT
from benchmarks.rows import Row
from benchmarks.sections import Footnotes, family_section, grouped, in_order, left_out, machine_line
from spikeloom import InputError
from spikeloom.checks import require

DOCUMENT = ROOT / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

One training step (forward pass, backward pass, optimiser) of spikeloom beside that of its peers. `make bench` measures,
`make bench-report` writes this page from `benchmarks/results`; nothing here is written by hand. All of it is of a CPU,
but for the last section, [on a GPU](#on-a-gpu).
"""

COMPARED = """\
Promises are kept or not by "measured": it counts all that is not ours, the expert among them (`torch_expert`,
`torch_expert_bf16`: a dense network that this project wrote by hand in torch as its own strongest opponent, each layer
one autograd function with a fused loop of neurons, which no library has). "What people run today" is everything else:
libraries, plain, folded and compiled torch, its sparse CSR products, JAX and BrainEvent. SNN libraries are snnTorch,
SpikingJelly, Norse, Sinabs and Spyx; their column is empty where none of them has a row. Each column has its own worst
case.
"""

NO_AMX = """\
Few processors have matrix units: no AMD one and nearly no laptop's. Here oneDNN, which makes torch's bf16 products and
those of our dense route, is held to AVX-512 (`ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16`; `make bench NO_AMX=1`), and nothing
is timed before a bf16 product has been seen to take longer so. Products in fp32, JAX's among them, use no matrix units.
The promises on the {cases} cases measured so:
"""

HOW = """\
## How it is measured

* All get the same spikes, sizes, weights, labels, loss and optimiser, at a learning rate of 0: all its arithmetic, and
  weights that stay. Weights are scaled until every hidden layer spikes at the stated rate; the rate is measured in
  every implementation, and a run that is off by more than 20 % is refused. Where a peer has no such surrogate or reset,
  a footnote says what it has instead.
* A process for each implementation. Those of a case are alive at once and step in turns, so that only one works at a
  time and what slows the machine slows all. A turn begins with a pause, in which a neighbour's threads stop spinning,
  and with a step that is not counted where steps are fast. The first steps, in which things are compiled, do not count.
* At least 9 steps count of who takes at most 3 times as long as the fastest of its number type, ours and the others
  apart, and at least 3 of those that are slower.
* Equal threads. Denormal numbers are flushed in all of torch's and ours, which is verified; threads that XLA and
  BrainEvent have of their own are not looked at. Times are medians; quartiles and all else are in the rows.
* Inputs lie ready in the form that each takes: dense tensors of its number type, or lists of spikes.
* Our own losses and gradients are checked against a reference in float64 first; what is wrong is not timed.
* Where no library has a row, only those ran that are the fastest, or near it, somewhere (`PEERS=contenders`).
* mlGeNN's C++ back end for CPUs takes one sample at a time, and is left out.
* Memory is the peak of a step beyond weights, gradients and moments, in a process that does nothing else.
* Time to accuracy counts the training steps alone, not imports, compilation, the loading of data or evaluation.

Cases are named `FAMILY/.../ACTIVITY in percent`. paper-layers: Finkbeiner et al. 2024, batch 48, Adam, 2,942 neurons in
2 to 5 hidden layers; in (a) the input has the activity that the paper's caps leave it (N-MNIST 1.4, DVS 2.1, SHD 6.9 %)
and only the hidden layers are swept, in (b) both are. neurons: batch 24, SGD, 10 steps, 1,152 inputs, hidden layers of
980 neurons at 1.5 %; each neuron of the layers behind the first follows one of the layer below, since in 48 layers of
random weights all spikes gather in a few samples. onm: one Linear(n, n) and LIF without readout, 500 steps, batch 16.
recurrent: 700-1024-20 at 2 %, named by steps and batch. ssbp: 700-200-200-20, 500 steps; spyx-shd: 128-128-128-20, 256
steps; both with a batch of 256. steps: N-MNIST's shape at 1.5 % over more and fewer time steps. `python -m
benchmarks.run --list` lists all.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; 0, or 2 where there are no rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=rows.RESULTS, help="the folder of the rows")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="the page; its pictures lie in a folder beside")
    parser.add_argument("--machine", help="whose rows; default: this one, if it has any, or the one with most")
    options = parser.parse_args(arguments)
    try:
        write(options.results, options.document, options.machine)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"written: {options.document}")
    return 0


def write(results: Path, document: Path, machine: str | None = None) -> None:
    """Write the page and its pictures.

    Args:
        results: the folder of the rows.
        document: the page.
        machine: whose rows; None for this one, or where it has none the one with most of them.

    Raises:
        InputError: no rows.
    """
    all_rows, reasons = rows.read(results), rows.read_left_out(results)
    everything = rows.on_cpu(all_rows)
    found = [row for row in everything if not rows.without_amx(row)]
    require(len(found) > 0, "results", f"rows in {results}", "none", "run make bench")
    counts = Counter(row["machine"] for row in found)
    here = rows.machine()
    chosen = machine or (here if here in counts else counts.most_common(1)[0][0])
    require(chosen in counts, "machine", "one of " + "; ".join(counts), chosen)
    names = [spec.name for spec in cases.every(demanded_first=False)]
    own = in_order([row for row in found if row["machine"] == chosen], names)
    held = in_order([row for row in everything if row["machine"] == chosen and rows.without_amx(row)], names)
    notes = Footnotes(own)
    page = [HEAD, machine_line(own), "## What is promised, and what came out\n"]
    page += [tables.promises(demands.outcomes(own)), _unmeasured(own), COMPARED, _without_amx(held, reasons)]
    page += [_pictures(own, limits.read(results), document), HOW, "## Milliseconds a step\n"]
    page += [family_section(family, group, notes) for family, group in grouped(own).items()]
    page += ["## Footnotes\n", notes.text(), left_out(reasons, by_case(own))]
    page += [gpu_report.section(rows.on_gpu(all_rows), reasons)]
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text("\n".join(part for part in page if part), encoding="utf-8")


def _unmeasured(own: Sequence[Row]) -> str:
    promises = demands.unmeasured(own)
    return f"Promised, and not measured here: {'; '.join(promises)}.\n" if promises else ""


def _pictures(own: Sequence[Row], measured: dict[str, dict[str, object]], document: Path) -> str:
    folder = document.parent / document.stem
    drawn: list[tuple[str, str, Callable[[Path], bool]]] = [
        (
            "speedup-b",
            "Speed against the fastest other, all layers equally active",
            partial(_speed, own, "b"),
        ),
        ("speedup-a", "The same, input at the paper's caps and hidden layers swept", partial(_speed, own, "a")),
        ("sparsity", "What is gained by fusing and what by sparsity (N-MNIST's shape)", partial(_sparsity, own)),
        ("neurons", "Time of a step against neurons", partial(figures.time_by_neurons, own)),
        ("memory", "Memory of a step against time steps", partial(figures.memory_by_steps, own)),
        ("limits", "Share of the hardware's limit that each kernel reaches", partial(figures.limit_shares, measured)),
    ]
    parts = ["## Pictures\n"]
    for name, title, draw in drawn:
        file = folder / f"{name}.svg"
        if draw(file):
            parts.append(f"{title}:\n\n![{title}]({folder.name}/{name}.svg)\n")
        else:
            file.unlink(missing_ok=True)
    return "\n".join(parts) if len(parts) > 1 else ""


def _speed(own: Sequence[Row], kind: str, file: Path) -> bool:
    return figures.speedups(own, kind, file)


def _sparsity(own: Sequence[Row], file: Path) -> bool:
    return figures.sparsity_and_fusing(own, "nmnist", file)


def _without_amx(held: Sequence[Row], reasons: dict[str, dict[str, str]]) -> str:
    """The promises on what was measured with matrix units switched off; "" where nothing was."""
    if not held:
        return ""
    there = by_case(held)
    own = {case: reasons.get(case + rows.SWITCHED_OFF, {}) for case in there}
    parts = ["## Without matrix units (AMX)\n", NO_AMX.format(cases=len(there))]
    return "\n".join([*parts, tables.promises(demands.outcomes(held)), left_out(own, there, "### Left out\n")])


if __name__ == "__main__":
    sys.exit(main())
