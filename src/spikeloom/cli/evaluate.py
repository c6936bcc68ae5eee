"""spikeloom eval."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikeloom.cli.help import epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands

EXAMPLES = """\
examples:
  spikeloom eval runs/digits-20250101-120000
  spikeloom eval runs/nmnist-20250101-120000 --data DIR --split validation
  spikeloom eval runs/shd-20250101-120000 --device cpu                    of a run on a GPU, where there is none
"""


def add(commands: "Commands") -> None:
    """Add the command."""
    about = "test the network of a run"
    parser = commands.add_parser("eval", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    parser.add_argument("--data", metavar="DIR", help="the folder of the recordings, if it has moved")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test", help="default: test")
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:N; default: where it was trained")
    parser.set_defaults(command=_eval)


def _eval(options: argparse.Namespace) -> int:
    from spikeloom.train import session

    session.evaluate_run(options.run, options.data, options.split, device=options.device)
    return 0
