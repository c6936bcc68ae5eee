"""What the study consists of: data sets, variants, and the runs in the order in which they are done."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikeloom.checks import require
from spikeloom.train import recipes, settings
from spikeloom.train.config import Config

SEEDS = (0, 1, 2)
OURS, PLAIN = "spikeloom", "plain torch"


@dataclass(frozen=True)
class DataSet:
    """Recordings, and how they are divided.

    Args:
        name: as options and run folders call it.
        recipe: whose network and training it has.
        kind: what a part is: "fold" or "speaker".
        parts: by name, the settings that make this part the test samples.
        folder: of the recordings, below the study's root; None for a set that is made.
        common: settings of all its runs.
    """

    name: str
    recipe: str
    kind: str
    parts: Mapping[str, Mapping[str, str]]
    folder: str | None = None
    common: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """A change to a data set's base, which is its recipe.

    Args:
        name: as options and run folders call it.
        meaning: in words, for the report.
        changes: settings.
        width: the second threshold as a fraction of the threshold; None leaves the recipe's.
        layers: whose layers: `OURS` or `PLAIN`.
        seeds: the only ones that it is run with.
    """

    name: str
    meaning: str
    changes: Mapping[str, str] = field(default_factory=dict)
    width: float | None = None
    layers: str = OURS
    seeds: tuple[int, ...] = SEEDS


NMNIST_SMALL = DataSet(
    "nmnist_small",
    recipe="nmnist",
    kind="fold",
    parts={f"fold{k}": {"fold": str(k)} for k in range(5)},
    folder="nmnist_small",
    common={"pool": "true", "folds": "5"},
)
FSDD = DataSet(
    "fsdd",
    recipe="fsdd",
    kind="speaker",
    parts={name: {"hold_out_speaker": name} for name in ("george", "jackson", "nicolas", "theo", "yweweler")},
    folder="fsdd",
)
DATA_SETS = (NMNIST_SMALL, FSDD)

DENSE, WINDOW, PLAIN_TORCH = "dense", "window", "plain_torch"
# What a recipe says of another neuron's parameters is not for this one.
LIF = {"neuron": "lif", "neuron_parameters": "", "learn": ""}
NO_WINDOW = {"sparse": "false", "second_threshold": "-inf"}
MAIN = (
    Variant(DENSE, "dense products, no gradient window", NO_WINDOW),
    Variant(WINDOW, "the recipe as it stands: gradient window, the route it chooses"),
    *(
        Variant(f"cap{percent}", f"window, at most {percent} % of a layer active in a step", {"max_activity": cap})
        for percent, cap in ((10, "0.1"), (5, "0.05"), (1, "0.01"))
    ),
    Variant("feedforward", "window, feed-forward LIF", LIF | {"recurrent": "false"}),
    Variant("recurrent", "window, recurrent LIF", LIF | {"recurrent": "true"}),
    Variant("adlif", "window, recurrent adLIF", {"neuron": "adlif", "recurrent": "true"}),
)
WIDTHS = tuple(
    Variant(f"width{width:g}", f"second threshold at {width:g} of the threshold", width=width)
    for width in (0.5, 0.7, 0.9, 0.98)
)
ANNEALING = (
    Variant("annealed", "window, opened over the first steps", {"anneal_window": "true"}),
    Variant("not_annealed", "window, as narrow from the first step on", {"anneal_window": "false"}),
)
IN_TORCH = Variant(
    PLAIN_TORCH, "the same network in plain torch, without window", NO_WINDOW, layers=PLAIN, seeds=SEEDS[:1]
)
VARIANTS = (*MAIN, *WIDTHS, *ANNEALING, IN_TORCH)


@dataclass(frozen=True)
class Job:
    """A run of the study.

    Args:
        data: the data set's name.
        variant: the first of `stands_for`.
        stands_for: all variants with these very settings; they share the run.
        part: the fold or speaker that is tested on.
        seed: of the run.
        layers: `OURS` or `PLAIN`.
        given: settings that differ from the recipe's.
        config: all settings.
    """

    data: str
    variant: str
    stands_for: tuple[str, ...]
    part: str
    seed: int
    layers: str
    given: dict[str, str]
    config: Config

    @property
    def name(self) -> str:
        """The run folder's name."""
        return f"{self.data}-{self.variant}-{self.part}-seed{self.seed}"


def jobs(
    data_sets: Sequence[DataSet],
    *,
    root: Path,
    variants: Iterable[str] | None = None,
    seeds: Iterable[int] = SEEDS,
    parts: Iterable[str] | None = None,
    given: Mapping[str, str] | None = None,
) -> list[Job]:
    """The runs, in an order that leaves complete pairs wherever the study breaks off.

    All variants of a part follow each other, part by part, seed by seed; plain torch, which takes longest, comes last.

    Args:
        data_sets: which.
        root: the folder that holds the folders of their recordings.
        variants: names; None for all.
        seeds: which.
        parts: names or numbers from 0 on, of all data sets alike; None for all.
        given: settings of all runs.

    Raises:
        InputError: an unknown variant, seed or part; settings that cannot be used.
    """
    wanted = _known("--variants", variants, [variant.name for variant in VARIANTS])
    chosen = _parts(data_sets, parts)
    found: dict[str, Job] = {}
    for seed in sorted(int(seed) for seed in _known("--seeds", map(str, seeds), map(str, SEEDS))):
        for data in data_sets:
            for part in chosen[data.name]:
                for job in _block(data, part, seed, root, dict(given or {})):
                    if wanted & set(job.stands_for):
                        found[job.name] = job
    return sorted(found.values(), key=lambda job: job.layers == PLAIN)


def _block(data: DataSet, part: str, seed: int, root: Path, given: dict[str, str]) -> list[Job]:
    """All runs of a part with a seed; variants with the same settings share one."""
    base = recipes.named(data.recipe)
    common = dict(data.common) | dict(data.parts[part]) | {"seed": str(seed)} | given
    if data.folder is not None:
        common["path"] = str(root / data.folder)
    shared: dict[tuple[Any, str], list[Variant]] = {}
    for variant in VARIANTS:
        if seed in variant.seeds:
            config = settings.override(base, common | changes(variant, base))
            shared.setdefault((config, variant.layers), []).append(variant)
    return [
        Job(
            data.name,
            same[0].name,
            tuple(variant.name for variant in same),
            part,
            seed,
            layers,
            common | changes(same[0], base),
            config,
        )
        for (config, layers), same in shared.items()
    ]


def changes(variant: Variant, base: Config) -> dict[str, str]:
    """The settings in which a variant may differ from its base."""
    edge = {} if variant.width is None else {"second_threshold": str(variant.width * base.network.threshold)}
    return dict(variant.changes) | edge


def tables(config: Config) -> dict[str, Any]:
    """Settings as they stand in a config.toml."""
    return tomllib.loads(settings.to_toml(config))


def differences(held: Mapping[str, Any], planned: Config) -> list[str]:
    """The settings in which a run differs from the plan, as "name: held, planned".

    The place of the recordings does not count. What a run does not hold did not exist when it was made: it had the
    default.

    Args:
        held: the run's config.toml.
        planned: the plan's settings.
    """
    wanted, default = tables(planned), tables(Config())
    pairs = {
        key: (held.get(section, {}).get(key, default[section][key]), value)
        for section in settings.SECTIONS
        for key, value in wanted[section].items()
        if key != "path"
    }
    pairs["recipe"] = (held.get("recipe"), planned.recipe)
    return [f"{key}: {old}, {new}" for key, (old, new) in pairs.items() if old != new]


def _parts(data_sets: Sequence[DataSet], wanted: Iterable[str] | None) -> dict[str, list[str]]:
    """By data set, its parts that a selection names, by name or number."""
    known = [name for data in data_sets for i, part in enumerate(data.parts) for name in (str(i), part)]
    names = _known("--folds", wanted, dict.fromkeys(known))
    return {data.name: [part for i, part in enumerate(data.parts) if names & {part, str(i)}] for data in data_sets}


def _known(option: str, wanted: Iterable[str] | None, known: Iterable[str]) -> set[str]:
    known = list(known)
    chosen = known if wanted is None else list(wanted)
    for name in chosen:
        require(name in known, option, "one of " + ", ".join(known), name)
    return set(chosen)
