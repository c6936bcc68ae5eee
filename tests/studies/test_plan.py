"""The runs that the study plans."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.data.binning import Binning
from spikeloom.data.events import Sensor
from spikeloom.train import recipes
from spikeloom.train.classifier import Classifier
from studies.accuracy import plan
from studies.accuracy.plan import DATA_SETS, DENSE, FSDD, MAIN, NMNIST_SMALL, PLAIN, PLAIN_TORCH, VARIANTS, Job

ROOT = Path("data")


def jobs(**selection: Iterable[str]) -> list[Job]:
    return plan.jobs(DATA_SETS, root=ROOT, **selection)


def test_names_are_unique() -> None:
    names = [job.name for job in jobs()]
    assert len(set(names)) == len(names)
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)


def test_each_variant_is_run_on_each_part_with_each_seed() -> None:
    found = defaultdict(list)
    for job in jobs():
        for variant in job.stands_for:
            found[job.data, variant].append((job.part, job.seed))
    for data in DATA_SETS:
        for variant in VARIANTS:
            wanted = [(part, seed) for seed in variant.seeds for part in data.parts]
            assert found[data.name, variant.name] == wanted


def test_what_is_equal_is_run_once() -> None:
    planned = jobs(seeds=["0"], parts=["0"])
    assert len({(job.config, job.layers) for job in planned}) == len(planned)
    shared = {(job.data, job.variant): job.stands_for for job in planned}
    base = {data.name: recipes.named(data.recipe) for data in DATA_SETS}
    for data, config in base.items():
        assert ("annealed" if config.training.anneal_window else "not_annealed") in shared[data, "window"]
        assert f"width{config.network.second_threshold:g}" in shared[data, "window"]


def test_wherever_it_breaks_off_all_parts_but_the_last_are_complete() -> None:
    ours = [job for job in jobs() if job.layers != PLAIN]
    blocks = [(job.seed, job.data, job.part) for job in ours]
    assert blocks == sorted(blocks, key=lambda block: blocks.index(block)), "a block's runs follow each other"
    assert [seed for seed, *_ in blocks] == sorted(seed for seed, *_ in blocks)
    assert all(job.layers == PLAIN for job in jobs()[len(ours) :]), "plain torch comes last"


def test_dense_differs_from_the_recipe_in_route_and_window_alone() -> None:
    dense, base = (next(job for job in jobs(variants=[name])) for name in (DENSE, "window"))
    changed = [line.partition(":")[0] for line in plan.differences(plan.tables(base.config), dense.config)]
    assert sorted(changed) == ["second_threshold", "sparse"]
    assert dense.config.network.second_threshold == -float("inf")


def test_plain_torch_has_the_settings_of_dense() -> None:
    dense, other = (next(job for job in jobs(variants=[name])) for name in (DENSE, PLAIN_TORCH))
    assert other.config == dense.config
    assert other.layers == PLAIN


def test_caps_differ_from_the_recipe_in_nothing_else() -> None:
    planned = jobs(variants=["window", "cap10", "cap5", "cap1"], seeds=["0"], parts=["0"])
    for base, *capped in (planned[:4], planned[4:]):
        changed = [plan.differences(plan.tables(base.config), job.config) for job in capped]
        assert changed == [[f"max_activity: none, {cap}"] for cap in (0.1, 0.05, 0.01)]


def test_the_neurons_of_every_variant_have_what_its_settings_name() -> None:
    # A recipe may name parameters that another variant's neuron does not have.
    for job in jobs(seeds=["0"], parts=["0"]):
        config = job.config
        Classifier(config.network, Binning(Sensor(5, 1, 1), config.data.dt_ms, config.data.steps), classes=2)


def test_a_selection() -> None:
    planned = jobs(variants=["dense", "cap5"], seeds=["1"], parts=["1", "george"])
    names = [job.name for job in planned]
    assert names == [
        "nmnist_small-dense-fold1-seed1",
        "nmnist_small-cap5-fold1-seed1",
        "fsdd-dense-george-seed1",
        "fsdd-cap5-george-seed1",
        "fsdd-dense-jackson-seed1",
        "fsdd-cap5-jackson-seed1",
    ]
    assert planned[0].config.data.path == str(ROOT / "nmnist_small")


def test_folds_and_speakers_are_held_out() -> None:
    folds = plan.jobs([NMNIST_SMALL], root=ROOT, variants=["dense"], seeds=[0])
    assert [(job.config.data.folds, job.config.data.fold) for job in folds] == [(5, k) for k in range(5)]
    assert all(job.config.data.pool for job in folds)
    voices = plan.jobs([FSDD], root=ROOT, variants=["dense"], seeds=[0])
    assert [job.config.data.hold_out_speaker for job in voices] == list(FSDD.parts)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ({"variants": ["cap7"]}, "--variants: expected one of dense, window"),
        ({"seeds": ["3"]}, "--seeds: expected one of 0, 1, 2, got 3"),
        ({"parts": ["5"]}, "--folds: expected one of 0, fold0"),
    ],
)
def test_an_unknown_part_is_named(selection: dict[str, list[str]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        jobs(**selection)


def test_the_place_of_the_recordings_is_no_difference() -> None:
    one, other = (plan.jobs([FSDD], root=Path(root), seeds=[0])[0].config for root in ("here", "there"))
    assert plan.differences(plan.tables(one), other) == []
    longer = plan.jobs([FSDD], root=ROOT, seeds=[0], given={"epochs": "7"})[0].config
    assert plan.differences(plan.tables(one), longer) == [f"epochs: {one.training.epochs}, 7"]


def test_a_setting_that_a_run_does_not_know_had_its_default() -> None:
    job = plan.jobs([FSDD], root=ROOT, seeds=[0])[0]
    held = plan.tables(job.config)
    del held["training"]["clip_norm"]
    del held["training"]["learning_rate"]
    assert plan.differences(held, job.config) == [f"learning_rate: 0.001, {job.config.training.learning_rate}"]
    assert plan.differences(held | {"recipe": "shd"}, job.config)[-1] == "recipe: shd, fsdd"


def test_every_main_variant_says_what_it_is() -> None:
    assert all(variant.meaning for variant in (*MAIN, *VARIANTS))
