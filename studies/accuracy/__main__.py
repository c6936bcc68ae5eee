"""`make study`, and `make study ARGS="--data nmnist_small --seeds 0"`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from spikeloom.checks import InputError, require
from studies.accuracy import plan, report
from studies.accuracy.pool import Pool
from studies.accuracy.worker import ROOT

RUNS, DOCUMENT = Path("runs/study"), Path("docs/results.md")
DATA = ROOT.parent / "shared" / "data"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do runs, and write the report; the exit status: 0, 1 where runs failed, 2 for input that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return _study(options)
    except InputError as error:
        print(f"study: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130


def _study(options: argparse.Namespace) -> int:
    failed: list[str] = []
    if not options.report_only:
        require(options.jobs >= 1, "--jobs", "at least 1", options.jobs)
        given = {"threads": str(options.threads)} | ({"epochs": str(options.epochs)} if options.epochs else {})
        jobs = plan.jobs(
            [data for data in plan.DATA_SETS if options.data in (None, data.name)],
            root=options.root.resolve(),
            variants=options.variants,
            seeds=options.seeds,
            parts=options.folds,
            given=given,
        )
        pool = Pool(options.runs, options.jobs, lambda line: print(line, flush=True), options.minutes)
        whole = pool.run(jobs)
        failed = pool.failed
        print(
            f"{'all' if whole else 'not all'} of these runs are finished{'' if whole else '; the same command goes on'}"
        )
    # Trials elsewhere leave the document as it is.
    document = options.out or (DOCUMENT if options.runs == RUNS else options.runs / DOCUMENT.name)
    report.write(options.runs, document)
    print(f"wrote {document}")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studies.accuracy", description="What does sparsity cost?")
    names = [variant.name for variant in plan.VARIANTS]
    parts = ", ".join(f"{data.name}: {', '.join(data.parts)}" for data in plan.DATA_SETS)
    add = parser.add_argument
    add("--data", choices=[data.name for data in plan.DATA_SETS], help="only this data set")
    add("--variants", type=_list, metavar="A,B", help="only these of " + ", ".join(names))
    add("--seeds", type=_list, default=list(plan.SEEDS), metavar="0,1", help="only these seeds of 0, 1, 2")
    add("--folds", type=_list, metavar="0,1", help=f"only these folds or speakers, by number or name ({parts})")
    add("--epochs", type=int, help="instead of the recipes'; choose another --runs for it")
    add("--minutes", type=float, help="begin no run after so many minutes")
    add("--jobs", type=int, default=2, help="runs beside each other (%(default)s)")
    add("--threads", type=int, default=1, help="of each run (%(default)s)")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="where the run folders are (%(default)s)")
    add("--root", type=Path, default=DATA, metavar="DIR", help="holds nmnist_small and fsdd (default: ../shared/data)")
    add("--out", type=Path, metavar="FILE", help=f"the report ({DOCUMENT}; beside the runs where --runs is given)")
    add("--report-only", action="store_true", help="write the report from the runs there are")
    return parser


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
