"""spikeloom info."""

import argparse
from typing import TYPE_CHECKING

from spikeloom.cli.help import epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    about = "say what this machine offers: versions, processor, vector width, threads, caches, GPUs, kernels"
    parser = commands.add_parser("info", help=about, description=about, **epilog("example:\n  spikeloom info\n"))
    parser.set_defaults(command=_info)


def _info(options: argparse.Namespace) -> int:
    from spikeloom import info

    for name, value in info.facts():
        print(f"{name:<16} {value}")
    return 0
