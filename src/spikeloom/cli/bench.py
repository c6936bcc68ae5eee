"""spikeloom bench."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from spikeloom.cli.help import epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands

EXAMPLES = """\
examples:
  spikeloom bench step --case nmnist
  spikeloom bench step --case shd --activity 0.01 --hidden-activity 0.05 --recurrent --threads 2
  spikeloom bench step --case dvs --json > step.json
  spikeloom bench step --case nmnist --activity 0.01 --hidden-activity 0.01 --device cuda --batch 256
  spikeloom bench epoch fsdd --data DIR --samples 2000
  spikeloom bench loader --case shd
  spikeloom bench neurons --recurrent
"""


def add(commands: "Commands") -> None:
    """Add the command and what it can measure."""
    about = "measure this machine"
    benches = commands.add_parser("bench", help=about, description=about, **epilog(EXAMPLES))
    kinds = benches.add_subparsers(title="what", metavar="WHAT", required=True)
    for add_kind in (_add_step, _add_epoch, _add_loader, _add_neurons):
        add_kind(kinds)


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
    parser.add_argument("--batch", metavar="B", type=int, help="samples of a step; default: the paper's 48")
    parser.add_argument("--device", metavar="D", default="cpu", help="cpu, cuda, or cuda:N for GPU N; default: cpu")
    _finish(parser, _step)


def _add_epoch(kinds: "Commands") -> None:
    about = "time an epoch of a recipe on its data, beside the same network in plain torch"
    parser = kinds.add_parser("epoch", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("recipe", metavar="RECIPE", help="see spikeloom recipes")
    parser.add_argument("--data", metavar="DIR", help="the folder of the recordings")
    parser.add_argument("--samples", metavar="N", type=int, default=2000, help="of an epoch; default: 2000")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting; repeatable")
    _finish(parser, _epoch)


def _add_loader(kinds: "Commands") -> None:
    from spikeloom.bench import CASES

    about = "time how fast batches are made from recordings, beside the engine that takes them"
    parser = kinds.add_parser("loader", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("--case", choices=tuple(CASES), default="shd", help="default: shd")
    parser.add_argument("--samples", metavar="N", type=int, default=2000, help="recordings; default: 2000")
    _finish(parser, _loader)


def _add_neurons(kinds: "Commands") -> None:
    from spikeloom.bench import CASES

    about = "time a layer of every neuron, beside the leaky integrate-and-fire neuron, and how long each compiles"
    parser = kinds.add_parser("neurons", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("--case", choices=tuple(CASES), default="nmnist", help="default: nmnist")
    parser.add_argument(
        "--activity", metavar="A", type=float, default=0.015, help="of inputs and neurons; default: 0.015"
    )
    parser.add_argument("--recurrent", action="store_true", help="a recurrent layer of 512 neurons, not one of 1,466")
    _finish(parser, _neurons)


def _finish(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]) -> None:
    """Add what all benches have."""
    parser.add_argument("--threads", metavar="N", type=int, help="worker threads; all processors if not given")
    parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")
    parser.set_defaults(command=command)


def _step(options: argparse.Namespace) -> int:
    from spikeloom import bench

    given = (options.case, options.activity, options.hidden_activity, options.recurrent, options.threads, options.json)
    return bench.run(*given, device=options.device, batch=options.batch)


def _epoch(options: argparse.Namespace) -> int:
    from spikeloom.bench import epoch
    from spikeloom.train import settings

    changes = settings.assignments(options.set)
    return epoch.run(options.recipe, options.data, options.samples, options.threads, options.json, changes)


def _loader(options: argparse.Namespace) -> int:
    from spikeloom.bench import loader

    return loader.run(options.case, options.samples, options.threads, options.json)


def _neurons(options: argparse.Namespace) -> int:
    from spikeloom.bench import neurons

    return neurons.run(options.case, options.activity, options.recurrent, options.threads, options.json)
