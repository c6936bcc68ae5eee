"""spikeloom recipes."""

import argparse
from typing import TYPE_CHECKING

from spikeloom.checks import require
from spikeloom.cli.help import epilog

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands
    from spikeloom.train.config import Config

EXAMPLES = """\
examples:
  spikeloom recipes
  spikeloom recipes --measure --threads 2      how fast each trains here
"""


def add(commands: "Commands") -> None:
    """Add the command."""
    about = "list the recipes that spikeloom train knows, with their size and expected time"
    parser = commands.add_parser("recipes", help=about, description=about, **epilog(EXAMPLES))
    parser.add_argument("--measure", action="store_true", help="train each for seconds; print its speed")
    parser.add_argument("--threads", metavar="N", type=int, help="worker threads; all processors if not given")
    parser.set_defaults(command=_recipes)


def _recipes(options: argparse.Namespace) -> int:
    from spikeloom.train import recipes

    configs = [recipes.named(name) for name in recipes.names()]
    if options.measure:
        return _measure(configs, options.threads)
    _table(configs)
    return 0


def _table(configs: "list[Config]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from spikeloom.train import measure

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in ("recipe", "data", "network"):
        table.add_column(head, no_wrap=True)
    for head in ("weights", "samples", "epochs", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    for config in configs:
        data = config.data.dataset if measure.has_data(config) else f"{config.data.dataset} (not here)"
        facts = (f"{number:,}" for number in (measure.weights(config), measure.training_samples(config)))
        table.add_row(config.recipe, data, _network(config), *facts, str(config.training.epochs), _time(config))
    console = Console()
    # A table that is cut tells nothing; off a terminal nobody knows the width.
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)
    console.print(
        "weights, samples of an epoch, and the time that training takes on\n"
        f"{measure.MEASURED_ON};\n"
        "data that are not here: spikeloom data get NAME",
        highlight=False,
    )


def _network(config: "Config") -> str:
    from spikeloom.train.measure import SHAPES

    shape = SHAPES[config.data.dataset]
    mark = " r" if config.network.recurrent else ""
    return "-".join(map(str, (shape.sensor.size, *(f"{n}{mark}" for n in config.network.hidden), shape.classes)))


def _time(config: "Config") -> str:
    from spikeloom.train.measure import seconds

    expected = seconds(config)
    if expected is None:
        return "not measured"
    return f"{expected:.0f} s" if expected < 100 else f"{expected / 60:.0f} min"


def _measure(configs: "list[Config]", threads: int | None) -> int:
    from dataclasses import replace

    from spikeloom.train import measure
    from spikeloom.train.session import computing

    require(threads is None or threads >= 1, "--threads", "at least 1", threads)
    for config in configs:
        with computing(replace(config.training, threads=threads)):
            found = measure.measure(config)
        data = "" if measure.has_data(config) else "  on random events"
        share = f"loader {found.loader_share:6.1%} of the time"
        print(f"{config.recipe:<12} {found.samples_per_s:8.0f} samples/s  {share}{data}", flush=True)
    return 0
