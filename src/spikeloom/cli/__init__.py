"""The command line: a file for each command."""

import argparse
import os
import sys
from collections.abc import Sequence

from spikeloom.checks import InputError
from spikeloom.cli import bench, data, evaluate, info, recipes, show, train
from spikeloom.cli.help import STOPPED, epilog

EXAMPLES = """\
examples:
  spikeloom train digits                        train on handwritten digits; needs no download
  spikeloom train nmnist --data DIR             train on N-MNIST; DIR holds Train and Test
  spikeloom train --run runs/mine --resume      go on with a run that was stopped
  spikeloom eval runs/digits-20250101-120000    test a trained network
  spikeloom show runs/digits-20250101-120000    what happened, as one HTML page
  spikeloom recipes                             what can be trained by name
  spikeloom data get shd                        download a data set
  spikeloom data info fsdd                      what is in a data set
  spikeloom bench step --case nmnist            time a training step beside plain torch
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None: those the program was called with.

    Returns:
        The exit status: 0 done, 2 input that cannot be used, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except InputError as error:
        print(f"spikeloom: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("spikeloom: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # The reader of a pipe, such as head, has left: no more can be said, and nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    from spikeloom import __version__

    about = "Trains spiking neural networks, doing only the work that spikes ask for."
    parser = argparse.ArgumentParser(prog="spikeloom", description=about, **epilog(EXAMPLES))
    parser.add_argument("--version", action="version", version=f"spikeloom {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (train, recipes, evaluate, show, data, bench, info):
        command.add(commands)
    return parser
