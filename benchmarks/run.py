"""Run the benchmark: `make bench`, or `python -m benchmarks.run --help`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import amx, cases, files, gpu_cases, green, implementations, measure, rows
from benchmarks.cases import Spec
from benchmarks.implementations import PEERS_PYTHON, Implementation, is_ours
from benchmarks.measure import ON_GPU, QUICK, Effort
from spikeloom import InputError
from spikeloom.bench import host
from spikeloom.bench.gpu.device import checked
from spikeloom.checks import require

EXAMPLES = """\
examples:
  python -m benchmarks.run --list
  python -m benchmarks.run                                            the cases that a promise hangs on, all peers
  python -m benchmarks.run --case all
  python -m benchmarks.run --case paper-layers-b/nmnist/2/1.5 --peers 'ours_sparse,torch_*' --quick
  python -m benchmarks.run --case 'paper-layers-b/*/2' --skip-done
  python -m benchmarks.run --case 'paper-layers-b/*/2/1.5' --no-amx   as on a processor without matrix units
  python -m benchmarks.run --device cuda --skip-done --minutes 9      the cases of a GPU, the most important first

Rows go to benchmarks/results/*.jsonl; those of --peers or --quick to benchmarks/results/partial, unless --out says
where. `make bench-report` makes docs/benchmarks.md of them.
"""

CASE_S = 120.0
"""A case on a GPU ends within so many seconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; 0, or 2 where it asks for what there is not."""
    options = _parser().parse_args(arguments)
    try:
        if options.list:
            _list(options.device)
        else:
            _run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure training steps of spikeloom beside its peers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="print what there is, and measure nothing")
    parser.add_argument("--case", default="demanded", help="names or patterns by commas; default: demanded")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or cuda:N for GPU N; default: cpu")
    parser.add_argument(
        "--peers",
        help="names or patterns by commas, all or contenders; default: all, on a GPU those that may be the fastest of "
        "their kind, and in sweeps contenders",
    )
    parser.add_argument("--quick", action="store_true", help="few steps, short limits, no memory")
    parser.add_argument("--skip-done", action="store_true", help="leave out cases that have rows already")
    parser.add_argument("--no-memory", action="store_true", help="measure time alone")
    parser.add_argument(
        "--no-amx", action="store_true", help="time alone, matrix units switched off, in rows of their own"
    )
    parser.add_argument("--minutes", type=float, help="begin no case that might not end within so many minutes")
    parser.add_argument("--commit", help="of the sources, where there is no git to ask")
    parser.add_argument("--rounds", type=int, help=f"turns of each implementation; default: {Effort().rounds}")
    parser.add_argument("--threads", type=int, help="of everything; default: all processors")
    parser.add_argument("--out", type=Path, help="the folder of the results")
    parser.add_argument("--made", type=Path, help="a folder in which cases are kept once made, to be taken again")
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON, help="the Python of the peers' environment")
    return parser


def _list(device: str) -> None:
    console, table = Console(), Table(box=box.SIMPLE)
    for name in ("case", "layers", "steps", "batch", "input", "hidden", "optimiser", "demanded"):
        table.add_column(name, no_wrap=name == "case")
    for spec in _available(device):
        work = spec.workload
        classes = [work.case.classes] if work.case.classes else []
        layers = _shortened([work.case.inputs, *work.hidden, *classes])
        of_input = "numbers" if spec.gaussian else f"{work.activity:.1%}"
        marks = ("yes" if spec.demanded else "",)
        own = (spec.name, layers, str(work.case.steps), str(work.batch), of_input, f"{work.hidden_activity:.1%}")
        table.add_row(*own, spec.optimizer, *marks)
    console.print(table)
    console.print("implementations: " + ", ".join(one.name for one in implementations.every(device=device)))


def _available(device: str) -> list[Spec]:
    """The cases of a kind of device."""
    return cases.every() if device == "cpu" else gpu_cases.every()


def _shortened(layers: list[int]) -> str:
    middle = layers[1:-1]
    if len(middle) > 5:
        return f"{layers[0]}-{middle[0]}x{len(middle)}-{layers[-1]}"
    return "-".join(map(str, layers))


def _run(options: argparse.Namespace) -> None:
    commit = options.commit or rows.commit()  # asked now, before the first child imports what it names
    device = "cpu" if options.device == "cpu" else str(checked(options.device))
    threads = host.cores() if options.threads is None else options.threads
    require(1 <= threads <= host.cores(), "threads", f"from 1 to {host.cores()}, the processors here", threads)
    require(options.rounds is None or options.rounds >= 1, "rounds", "at least 1", options.rounds)
    require(device == "cpu" or not options.no_amx, "no-amx", "none beside --device cuda", "both")
    chosen = implementations.select(options.peers or "usual", options.peers_python, device)
    specs = cases.select(options.case, _available(device))
    partial = options.quick or options.peers not in (None, "all", "contenders")
    folder = options.out or (rows.PARTIAL if partial else rows.RESULTS)
    if options.skip_done:
        here = (rows.machine(device), options.no_amx, rows.kind(device))
        # What another machine measures comes to the results later, and goes into no second run there.
        known = [folder] if device == "cpu" else [folder, rows.RESULTS]
        done = {rows.key(row) for where in known for row in rows.read(where)}
        specs = [spec for spec in specs if (spec.name, *here) not in done]
    console = Console()
    if options.no_amx:
        for python, (free, held) in amx.check_switch(one.python for one in chosen).items():
            console.print(f"a bf16 product of {python}: {free:.2f} ms, without AMX {held:.2f} ms", highlight=False)
    chosen, red = _green(chosen, device, console)
    # On a GPU memory is told by who is timed.
    memory = device == "cpu" and not (options.quick or options.no_memory or options.no_amx)
    setting = Setting(threads, device, options.no_amx, commit, _effort(options), memory, folder)
    _run_cases(specs, Plan(chosen, red, setting, options.peers is not None), options, console)
    console.print(f"rows are in {folder}", highlight=False)


def _effort(options: argparse.Namespace) -> Effort:
    default = ON_GPU if options.device != "cpu" else QUICK if options.quick else Effort()
    return default if options.rounds is None else replace(default, rounds=options.rounds)


def _run_cases(specs: Sequence[Spec], plan: "Plan", options: argparse.Namespace, console: Console) -> None:
    """Measure cases in their order, for as long as there is time."""
    end = None if options.minutes is None else monotonic() + 60 * options.minutes
    with _kept(options.made) as made, _progress(console) as progress:
        task = progress.add_task("", total=len(specs))
        for number, spec in enumerate(specs):
            if end is not None and monotonic() + CASE_S > end:
                left = ", ".join(spec.name for spec in specs[number:])
                console.print(f"no time is left for: {left}", highlight=False)
                break
            _run_case(spec, plan, made, progress, task)
            progress.advance(task)


@dataclass(frozen=True)
class Setting:
    """How every case is measured.

    Args:
        threads: of each implementation.
        device: where it works: "cpu", or a GPU with its number.
        no_amx: whether matrix units are switched off.
        commit: of the sources.
        effort: how long to measure.
        memory: whether memory is measured by itself, in cases that ask for it.
        folder: of the results.
    """

    threads: int
    device: str
    no_amx: bool
    commit: str
    effort: Effort
    memory: bool
    folder: Path


@dataclass(frozen=True)
class Plan:
    """What is done with every case.

    Args:
        implementations: what is timed.
        red: implementations that are not, since they are wrong, and what is wrong.
        setting: how.
        in_sweeps_too: whether all of them run in sweeps, and not contenders alone.
    """

    implementations: list[Implementation]
    red: dict[str, str]
    setting: Setting
    in_sweeps_too: bool

    def chosen(self, spec: Spec) -> list[Implementation]:
        """What is timed in a case."""
        everyone, device = self.in_sweeps_too or not spec.sweep, self.setting.device
        running = [one for one in self.implementations if implementations.matches(one.name, spec.only)]
        return [one for one in running if everyone or implementations.is_contender(one.name, device)]

    def left_out(self) -> dict[str, str]:
        """What is not timed in any case, and why."""
        return self.red | ({} if self.setting.device == "cpu" else implementations.without_gpu())


def _green(chosen: list[Implementation], device: str, console: Console) -> tuple[list[Implementation], dict[str, str]]:
    """The implementations that may be timed, and why others may not."""
    ours = [one.name for one in chosen if one.ours]
    if ours:
        console.print(f"against the reference, before any clock starts: {', '.join(ours)}", highlight=False)
    red = green.red(ours, device)
    for name, reason in red.items():
        console.print(f"[red]{name}[/red]: {reason}", highlight=False)
    return [one for one in chosen if one.name not in red], red


@contextmanager
def _kept(folder: Path | None) -> Iterator[Path]:
    """The folder of made cases; where none is given, one that is gone afterwards."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="spikeloom-benchmarks-") as temporary:
        yield Path(temporary)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _run_case(spec: Spec, plan: Plan, made: Path, progress: Progress, task: TaskID) -> None:
    """Measure a case, write its rows and print them."""

    def tell(what: str) -> None:
        progress.update(task, description=f"{spec.name}  {what}")

    tell("making the case")
    how = plan.setting
    date, path = rows.now(), cases.made(spec, made, how.device)
    stated = spec.workload.hidden_activity
    found, left_out = measure.measure(
        path,
        plan.chosen(spec),
        stated=stated,
        threads=how.threads,
        effort=how.effort,
        tell=tell,
        no_amx=how.no_amx,
        device=how.device,
    )
    if how.memory and spec.memory:
        timed = [one for one in plan.chosen(spec) if one.name in found]
        peaks, failed = measure.memory(path, timed, threads=how.threads, effort=how.effort, tell=tell)
        left_out |= {f"memory of {name}": reason for name, reason in failed.items()}
        for name, peak in peaks.items():
            found[name].peak_bytes = peak
    case = files.load(path)
    where: dict[str, Any] = {"no_amx": how.no_amx, "device": how.device}
    about: dict[str, Any] = {"threads": how.threads, "date": date, "commit_": how.commit, **where}
    written = [rows.row(case, name, one, **about) for name, one in found.items()]
    rows.write(how.folder, spec.name, written, plan.left_out() | left_out, **where)
    _print(spec, written, left_out, progress.console)


def _print(spec: Spec, written: Sequence[rows.Row], left_out: dict[str, str], console: Console) -> None:
    peers = [row["median_ms"] for row in written if not is_ours(row["implementation"])]
    table = Table(title=spec.name, title_justify="left", box=box.SIMPLE)
    for name in ("implementation", "type", "ms", "quartiles", "speed-up", "MB"):
        table.add_column(name, justify="left" if name in ("implementation", "type") else "right", no_wrap=True)
    for row in sorted(written, key=lambda row: row["median_ms"]):
        ratio = f"{min(peers) / row['median_ms']:.2f}" if peers else ""
        memory = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:.0f}"
        low, high = row["quartiles_ms"]
        ms, quartiles = f"{row['median_ms']:.4g}", f"{low:.4g} {high:.4g}"
        table.add_row(row["implementation"], row["number_type"], ms, quartiles, ratio, memory)
    console.print(table)
    for name, reason in left_out.items():
        console.print(f"  {name}: {reason}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
