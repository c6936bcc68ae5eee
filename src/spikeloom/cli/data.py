"""spikeloom data."""

import argparse
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spikeloom.checks import InputError
from spikeloom.cli.help import epilog
from spikeloom.cli.progress import progress

if TYPE_CHECKING:
    from spikeloom.cli.help import Commands
    from spikeloom.data.catalogue import Entry
    from spikeloom.data.dataset import Dataset
    from spikeloom.data.survey import Survey

EXAMPLES = """\
examples:
  spikeloom data list                                      what there is, and what is on disk
  spikeloom data get shd                                   download, verify and unpack
  spikeloom data info shd --dt-ms 10 --steps 100           what is in it, as a network would see it
  spikeloom data info DIR                                  what is in a folder of recordings
"""
GET_EXAMPLES = """\
examples:
  spikeloom data get fsdd
  spikeloom data get nmnist --to /data/nmnist              then: spikeloom train nmnist --data /data/nmnist
"""
INFO_EXAMPLES = """\
examples:
  spikeloom data info digits
  spikeloom data info nmnist --data DIR --split test
  spikeloom data info DIR --dt-ms 10 --steps 100 --picture raster.png
"""

PICTURED = 4  # classes in the picture, one sample each


def add(commands: "Commands") -> None:
    """Add the command and what it does with data."""
    about = "get data sets, and see what is in them"
    parser = commands.add_parser("data", help=about, description=about, **epilog(EXAMPLES))
    kinds = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    about = "list the data sets that spikeloom knows by name"
    listing = kinds.add_parser("list", help=about, description=about, **epilog("example:\n  spikeloom data list\n"))
    listing.set_defaults(command=_list)
    _add_get(kinds)
    _add_info(kinds)


def _add_get(kinds: "Commands") -> None:
    about = "download a data set, verify its checksum and unpack it; goes on with what an earlier call left"
    parser = kinds.add_parser("get", help=about, description=about, **epilog(GET_EXAMPLES))
    parser.add_argument("name", metavar="NAME", help="as in spikeloom data list")
    parser.add_argument("--to", metavar="DIR", type=Path, help="the folder it goes to; default: where it is looked for")
    parser.set_defaults(command=_get)


def _add_info(kinds: "Commands") -> None:
    about = "say what is in a data set, and draw some of it"
    parser = kinds.add_parser("info", help=about, description=about, **epilog(INFO_EXAMPLES))
    parser.add_argument("name", metavar="NAME|DIR", help="as in spikeloom data list, or a folder of recordings")
    parser.add_argument("--data", metavar="DIR", help="the folder of the data set NAME")
    parser.add_argument("--split", default="all", help="train, test or, of some, validation; default: all")
    parser.add_argument("--dt-ms", metavar="MS", type=float, default=1.0, help="length of a step; default: 1")
    parser.add_argument("--steps", metavar="N", type=int, help="of a sample; as many as each takes if not given")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="default: NAME-raster.png")
    parser.set_defaults(command=_info)


def _list(options: argparse.Namespace) -> int:
    from spikeloom.data import places
    from spikeloom.data.catalogue import CATALOGUE

    for entry in CATALOGUE.values():
        if not entry.holds:
            where = "made when it is used"
        elif not entry.archives:
            where = "given by --data DIR"
        else:
            found = entry.find(places.recordings(entry.name))
            where = f"in {found}" if found else f"not here: spikeloom data get {entry.name}"
        print(f"{entry.name:<12} {entry.title}\n{'':<12} {where}")
    return 0


def _get(options: argparse.Namespace) -> int:
    from spikeloom.data.catalogue import named
    from spikeloom.data.get import get

    entry = named(options.name)
    folder = get(entry.name, options.to, print, lambda title: progress(title, "MB"))
    data = f" --data {folder}" if options.to else ""
    print(f"{entry.name} is in {folder}; {entry.licence}, {entry.home}\ncite: {entry.citation}")
    print(f"next: spikeloom data info {entry.name}{data}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from spikeloom.data.catalogue import open_dataset
    from spikeloom.data.survey import survey

    entry, path = _named(options.name, options.data)
    dataset = open_dataset(entry.name, path, options.split)
    with progress("reading", "samples") as told:
        found = survey(dataset, options.dt_ms, options.steps, told)
    print(f"{entry.name}: {entry.title}")
    print(f"{'split':<16} {options.split}{_sizes(entry, path, options.split)}")
    for name, value in _facts(found, options.dt_ms, options.steps):
        lines = textwrap.fill(value, 120, initial_indent=f"{name:<17}", subsequent_indent=" " * 17)
        print(lines)
    picture = options.picture or Path(f"{entry.name}-raster.png")
    _draw(dataset, found, picture, options.dt_ms, options.steps)
    print(f"{'picture':<16} {picture}")
    return 0


def _named(name: str, data: str | None) -> tuple["Entry", str | None]:
    """The data set and the folder that are meant."""
    from spikeloom.data.catalogue import CATALOGUE, recognise

    if name in CATALOGUE:
        return CATALOGUE[name], data
    return recognise(Path(name)), name


def _sizes(entry: "Entry", path: str | None, split: str) -> str:
    """How the samples fall to the official splits, where there are such."""
    from spikeloom.data.catalogue import open_dataset, splits

    parts = splits(entry.name, path) if split == "all" else ()
    sizes = [f"{len(open_dataset(entry.name, path, part)):,} {part}" for part in parts]
    return ": " + ", ".join(sizes) if sizes else ""


def _facts(found: "Survey", dt_ms: float, steps: int | None) -> list[tuple[str, str]]:
    sensor = found.sensor
    read = "" if found.read == found.samples else f", read from {found.read} samples, evenly spaced"
    facts = [
        ("samples", f"{found.samples:,}"),
        ("classes", f"{len(found.classes)}: {_counted(found.classes)}"),
        ("sensor", f"{sensor.width} x {sensor.height} x {sensor.polarities} = {sensor.size:,} neurons"),
        ("duration", _spread(found.duration_ms, "ms") + read),
        ("events", _spread(found.events, "a sample") + read),
    ]
    if found.speakers:
        facts.insert(2, ("speakers", f"{len(found.speakers)}: {_counted(found.speakers)}"))
    over = "each sample's own length" if steps is None else f"{steps} steps"
    facts.append(("activity", f"{found.activity:.3%} of neurons and steps of {dt_ms:g} ms, over {over}"))
    if found.samples_cut is not None:
        facts.append(("cut off", f"{found.samples_cut:.1%} of samples are longer; {found.events_cut:.2%} of events"))
    return facts


def _spread(values: tuple[float, float, float], unit: str) -> str:
    low, middle, high = values
    return f"{low:,.0f} to {high:,.0f} {unit}, median {middle:,.0f}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def _draw(dataset: "Dataset", found: "Survey", picture: Path, dt_ms: float, steps: int | None) -> None:
    """One sample of each of a few classes, evenly spaced."""
    import numpy as np

    from spikeloom import plots
    from spikeloom.data.binning import Binning, encode

    names = list(found.classes)
    present = np.unique(dataset.labels)
    shown = present[np.unique(np.linspace(0, len(present) - 1, min(PICTURED, len(present))).round().astype(int))]
    first = {f"class {names[label]}": int(np.flatnonzero(dataset.labels == label)[0]) for label in shown}
    recordings = {name: dataset[index][0] for name, index in first.items()}
    longest_ms = max(int(events.t_us[-1]) for events in recordings.values()) / 1000
    binning = Binning(dataset.sensor, dt_ms, steps or int(longest_ms / dt_ms) + 1)
    layers = {name: encode([events], binning) for name, events in recordings.items()}
    try:
        plots.raster(layers, picture, dt_ms=dt_ms, title="a sample of each of some classes")
    except (OSError, ValueError) as error:
        raise InputError(f"--picture: expected a file that can be written, such as raster.png, got {error}") from error
