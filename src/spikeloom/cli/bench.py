"""spikeloom bench."""

import argparse
from typing import TYPE_CHECKING

from spikeloom.cli.help import epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands

EXAMPLES = """\
examples:
  spikeloom bench step --case nmnist
  spikeloom bench step --case shd --activity 0.01 --hidden-activity 0.05 --recurrent --threads 2
  spikeloom bench step --case dvs --json > step.json
"""


def add(commands: "Commands") -> None:
    """Add the command and what it can measure."""
    about = "measure this machine"
    benches = commands.add_parser("bench", help=about, description=about, **epilog(EXAMPLES))
    kinds = benches.add_subparsers(title="what", metavar="WHAT", required=True)
    _add_step(kinds)


def _add_step(kinds: "Commands") -> None:
    from spikeloom.bench import CASES

    about = "time one training step of the paper's shapes, beside plain torch and beside what the host can do"
    parser = kinds.add_parser("step", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("--case", choices=tuple(CASES), default="nmnist", help="default: nmnist")
    parser.add_argument("--activity", metavar="A", type=float, default=0.015, help="of the input; default: 0.015")
    parser.add_argument(
        "--hidden-activity", metavar="H", type=float, default=0.015, help="of the hidden layers; default: 0.015"
    )
    parser.add_argument("--recurrent", action="store_true", help="hidden layers feed back to themselves")
    parser.add_argument("--threads", metavar="N", type=int, help="worker threads; all processors if not given")
    parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")
    parser.set_defaults(command=_step)


def _step(options: argparse.Namespace) -> int:
    from spikeloom import bench

    return bench.run(
        options.case, options.activity, options.hidden_activity, options.recurrent, options.threads, options.json
    )
