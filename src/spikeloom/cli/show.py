"""spikeloom show."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikeloom.checks import InputError
from spikeloom.cli.help import epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands

EXAMPLES = """\
examples:
  spikeloom show runs/digits-20250101-120000 --open
  spikeloom show runs/digits-20250101-120000 --neurons 3,17,200 --out report.html
  spikeloom show runs/nmnist-20250101-120000 --data DIR --split validation
"""


def add(commands: "Commands") -> None:
    """Add the command."""
    about = "write what happened in a run as one HTML page"
    parser = commands.add_parser("show", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page; default: RUN/report.html")
    parser.add_argument("--data", metavar="DIR", help="the folder of the recordings, if it has moved")
    parser.add_argument("--split", choices=("test", "validation"), default="test", help="default: test")
    parser.add_argument(
        "--neurons", metavar="N,N", help="whose membranes to show, in each hidden layer; default: telling ones"
    )
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:N; default: where it was trained")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.set_defaults(command=_show)


def _show(options: argparse.Namespace) -> int:
    from spikeloom import show

    neurons = None if options.neurons is None else _numbers(options.neurons)
    show.write(
        options.run,
        options.out,
        data=options.data,
        split=options.split,
        neurons=neurons,
        browse=options.open,
        device=options.device,
    )
    return 0


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--neurons: expected integers with commas between, got {text!r}") from error
