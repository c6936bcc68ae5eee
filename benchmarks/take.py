"""Rows that were measured elsewhere, put in their place: `python -m benchmarks.take FOLDER`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rows
from spikeloom import InputError
from spikeloom.checks import require


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the rows of a folder in; 0, or 2 where it has none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.take", description=__doc__)
    parser.add_argument("folder", type=Path, help="what --out was, where they were measured")
    parser.add_argument("--out", type=Path, default=rows.RESULTS, help="the folder of the results")
    options = parser.parse_args(arguments)
    try:
        require(len(rows.read(options.folder)) > 0, "folder", "files of rows (*.jsonl)", f"none in {options.folder}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{rows.take(options.folder, options.out)} rows taken into {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
