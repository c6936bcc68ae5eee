"""The command line: train, eval, bench, info."""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloom.checks import InputError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

STOPPED = 130
"""The exit status of a program that was interrupted, as shells have it."""

MAIN_EXAMPLES = """\
examples:
  spikeloom train digits                        train on handwritten digits; needs no download
  spikeloom train nmnist --data DIR             train on N-MNIST; DIR holds Train and Test
  spikeloom eval runs/digits-20250101-120000    test a trained network
  spikeloom bench step --case nmnist            time a training step beside plain torch
  spikeloom info                                what this machine offers
"""
TRAIN_EXAMPLES = """\
examples:
  spikeloom train digits --epochs 3 --threads 2
  spikeloom train digits --set hidden=512,128 --set learning_rate=1e-3
  spikeloom train nmnist --data DIR --set pool=true --set test_samples=300 --seed 1
  spikeloom train runs/digits-20250101-120000/config.toml --run runs/again    repeat a run
"""
EVAL_EXAMPLES = """\
examples:
  spikeloom eval runs/digits-20250101-120000
  spikeloom eval runs/nmnist-20250101-120000 --data DIR --split validation
"""
BENCH_EXAMPLES = """\
examples:
  spikeloom bench step --case nmnist
  spikeloom bench step --case shd --activity 0.01 --hidden-activity 0.05 --recurrent --threads 2
  spikeloom bench step --case dvs --json > step.json
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


def _train(options: argparse.Namespace) -> int:
    from spikeloom.train import recipes, session, settings

    given = settings.assignments(options.set)
    named = {"epochs": options.epochs, "seed": options.seed, "threads": options.threads, "path": options.data}
    given |= {key: value for key, value in named.items() if value is not None}
    file = Path(options.recipe)
    config = settings.from_toml(file) if file.suffix == ".toml" else recipes.named(options.recipe)
    outcome = session.train(settings.override(config, given), options.run)
    return STOPPED if outcome.test is None else 0


def _eval(options: argparse.Namespace) -> int:
    from spikeloom.train import session

    session.evaluate_run(options.run, options.data, options.split)
    return 0


def _bench_step(options: argparse.Namespace) -> int:
    from spikeloom import bench

    return bench.run(
        options.case, options.activity, options.hidden_activity, options.recurrent, options.threads, options.json
    )


def _info(options: argparse.Namespace) -> int:
    from spikeloom import info

    for name, value in info.facts():
        print(f"{name:<16} {value}")
    return 0


def _parser() -> argparse.ArgumentParser:
    from spikeloom import __version__

    about = "Trains spiking neural networks, doing only the work that spikes ask for."
    parser = argparse.ArgumentParser(prog="spikeloom", description=about, **_epilog(MAIN_EXAMPLES))
    parser.add_argument("--version", action="version", version=f"spikeloom {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_eval(commands)
    _add_bench(commands)
    about = "say what this machine offers: versions, processor, vector width, threads, caches, kernels"
    info = commands.add_parser("info", help=about, description=about, **_epilog("example:\n  spikeloom info\n"))
    info.set_defaults(command=_info)
    return parser


def _add_train(commands: "Commands") -> None:
    from spikeloom.train import recipes

    about = "train a network"
    parser = commands.add_parser("train", help=about, description=about, **_epilog(TRAIN_EXAMPLES + _settings()))
    known = ", ".join(recipes.names())
    parser.add_argument("recipe", metavar="RECIPE", help=f"one of {known}, or the config.toml of a run")
    parser.add_argument("--data", metavar="DIR", help="the folder of the recordings (the setting path)")
    parser.add_argument("--epochs", metavar="N", help="passes over the training samples")
    parser.add_argument("--seed", metavar="N", help="of weights, order, split and augmentation")
    parser.add_argument("--threads", metavar="N", help="worker threads; all processors if not given")
    parser.add_argument("--run", metavar="DIR", type=Path, help="the new run folder; runs/RECIPE-TIME if not given")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting; repeatable")
    parser.set_defaults(command=_train)


def _add_eval(commands: "Commands") -> None:
    about = "test the network of a run"
    parser = commands.add_parser("eval", help=about, description=about, **_epilog(EVAL_EXAMPLES))
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    parser.add_argument("--data", metavar="DIR", help="the folder of the recordings, if it has moved")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test", help="default: test")
    parser.set_defaults(command=_eval)


def _add_bench(commands: "Commands") -> None:
    from spikeloom.bench import CASES

    about = "measure this machine"
    benches = commands.add_parser("bench", help=about, description=about, **_epilog(BENCH_EXAMPLES))
    about = "time one training step of the paper's shapes, beside plain torch and beside what the host can do"
    kinds = benches.add_subparsers(title="what", metavar="WHAT", required=True)
    parser = kinds.add_parser("step", help=about, description=about, **_epilog(BENCH_EXAMPLES))
    parser.add_argument("--case", choices=tuple(CASES), default="nmnist", help="default: nmnist")
    parser.add_argument("--activity", metavar="A", type=float, default=0.015, help="of the input; default: 0.015")
    parser.add_argument(
        "--hidden-activity", metavar="H", type=float, default=0.015, help="of the hidden layers; default: 0.015"
    )
    parser.add_argument("--recurrent", action="store_true", help="hidden layers feed back to themselves")
    parser.add_argument("--threads", metavar="N", type=int, help="worker threads; all processors if not given")
    parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")
    parser.set_defaults(command=_bench_step)


def _epilog(text: str) -> dict[str, Any]:
    return {"epilog": text, "formatter_class": argparse.RawDescriptionHelpFormatter}


def _settings() -> str:
    """All keys that --set knows, by section."""
    from spikeloom.train.settings import SECTIONS

    lines = ["\nsettings for --set (the config.toml of any run shows their values):"]
    for section, kind in SECTIONS.items():
        names = ", ".join(entry.name for entry in fields(kind))
        lines.append(textwrap.fill(names, 100, initial_indent=f"  {section:<10}", subsequent_indent=" " * 12))
    return "\n".join(lines)
