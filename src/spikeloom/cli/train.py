"""spikeloom train."""

import argparse
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from spikeloom.checks import require
from spikeloom.cli.help import STOPPED, epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands

EXAMPLES = """\
examples:
  spikeloom train digits --epochs 3 --threads 2
  spikeloom train digits --set hidden=512,128 --set learning_rate=1e-3
  spikeloom train fsdd --hold-out-speaker jackson
  spikeloom train nmnist --data DIR --set pool=true --set test_samples=300 --seed 1
  spikeloom train shd --tbptt 50 --set patience=10
  spikeloom train shd --device cuda                                           on a GPU; see docs/gpu.md
  spikeloom train --run runs/mine --resume                                    go on with a run that was stopped
  spikeloom train runs/digits-20250101-120000/config.toml --run runs/again    repeat a run
"""

NAMED = {
    "data": ("path", "DIR", "the folder of the recordings (the setting path)"),
    "epochs": ("epochs", "N", "passes over the training samples"),
    "seed": ("seed", "N", "of weights, order, split and augmentation"),
    "device": ("device", "DEVICE", "cpu, cuda or cuda:N; with --resume it may be another than the run began on"),
    "threads": ("threads", "N", "worker threads; all processors if not given"),
    "tbptt": ("tbptt", "STEPS", "truncate backpropagation through time after so many steps"),
    "hold-out-speaker": ("hold_out_speaker", "NAME", "test on this speaker, train on all others"),
}
"""Options that stand for a setting: its key, what its value is called, and help."""


def add(commands: "Commands") -> None:
    """Add the command."""
    from spikeloom.train import recipes

    about = "train a network"
    parser = commands.add_parser("train", help=about, description=about, **epilog(EXAMPLES + _settings()))
    known = ", ".join(recipes.names())
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help=f"one of {known}, or the config.toml of a run")
    for option, (key, value, text) in NAMED.items():
        parser.add_argument(f"--{option}", metavar=value, dest=key, help=text)
    parser.add_argument("--run", metavar="DIR", type=Path, help="the run folder; a new runs/RECIPE-TIME if not given")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --run, or begin it")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting; repeatable")
    parser.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> int:
    from spikeloom.train import session, settings

    given = settings.assignments(options.set)
    named = {key: getattr(options, key) for key, _, _ in NAMED.values()}
    given |= {key: value for key, value in named.items() if value is not None}
    if options.resume:
        require(options.run is not None, "--resume", "--run beside it, the folder of the run", "none")
        outcome = session.resume(options.run, options.recipe, given)
    else:
        require(options.recipe is not None, "RECIPE", "a recipe or a config.toml", "none", "see spikeloom recipes")
        outcome = session.train(settings.override(session.configured(options.recipe), given), options.run)
    return STOPPED if outcome.test is None else 0


def _settings() -> str:
    """All keys that --set knows, by section."""
    from spikeloom.train.settings import SECTIONS

    lines = ["\nsettings for --set (the config.toml of any run shows their values):"]
    for section, kind in SECTIONS.items():
        names = ", ".join(entry.name for entry in fields(kind))
        lines.append(textwrap.fill(names, 100, initial_indent=f"  {section:<10}", subsequent_indent=" " * 12))
    return "\n".join(lines)
