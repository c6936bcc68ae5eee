"""Settings survive the way through TOML, and what cannot be meant is refused by name."""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import InputError
from spikeloom.train import recipes, settings
from spikeloom.train.config import Config, DataSettings, NetworkSettings, TrainingSettings

text = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda t: t != "none")
sizes = st.integers(1, 10**6)
finite = st.floats(1e-300, 1e300)
fraction = st.floats(0, 1, exclude_max=True)
configs = st.builds(
    Config,
    recipe=text,
    data=st.builds(
        DataSettings,
        path=st.none() | text,
        pool=st.booleans(),
        folds=st.integers(5, 10**6),
        fold=st.integers(0, 4),
        train_samples=st.none() | sizes,
        validation=fraction,
        dt_ms=finite,
        crop=st.none() | sizes,
    ),
    network=st.builds(
        NetworkSettings,
        hidden=st.lists(sizes, max_size=4).map(tuple),
        second_threshold=st.floats(allow_nan=False),
        threshold=st.floats(allow_nan=False),
        surrogate=text,
        max_activity=st.none() | fraction,
        sparse=st.sampled_from(["auto", True, False]),
        reset=st.sampled_from(["zero", "subtract", "none"]),
    ),
    training=st.builds(
        TrainingSettings, learning_rate=finite, threads=st.none() | sizes, seed=st.integers(0, 2**63 - 1)
    ),
)


@given(configs)
def test_every_setting_survives_toml(tmp_path_factory: pytest.TempPathFactory, config: Config) -> None:
    path = tmp_path_factory.mktemp("settings") / "config.toml"
    path.write_text(settings.to_toml(config), encoding="utf-8")
    assert settings.from_toml(path) == config


@given(configs)
def test_every_setting_survives_as_text(config: Config) -> None:
    texts = {
        key: settings._to_text(settings._to_toml_value(getattr(getattr(config, section), key)))
        for key, section in settings.SECTION_OF.items()
    }
    assert replace(settings.override(Config(), texts), recipe=config.recipe) == config


def test_keys_are_the_fields_and_no_two_sections_share_one() -> None:
    keys = [entry.name for kind in settings.SECTIONS.values() for entry in fields(kind)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(settings.SECTION_OF)


def test_every_field_explains_itself() -> None:
    for kind in settings.SECTIONS.values():
        for name in get_type_hints(kind):
            assert f"\n        {name}: " in (kind.__doc__ or ""), name


@pytest.mark.parametrize(
    ("key", "given_text", "value"),
    [
        ("hidden", "512,128", (512, 128)),
        ("hidden", "[64]", (64,)),
        ("hidden", "", ()),
        ("second_threshold", "-inf", -math.inf),
        ("max_activity", "none", None),
        ("max_activity", "0.1", 0.1),
        ("sparse", "auto", "auto"),
        ("sparse", "false", False),
        ("recurrent", "true", True),
        ("epochs", "3", 3),
        ("path", "C:\\data set", "C:\\data set"),
        ("reset", "none", "none"),
    ],
)
def test_override(key: str, given_text: str, value: object) -> None:
    changed = settings.override(recipes.digits(), {key: given_text})
    got = getattr(getattr(changed, settings.SECTION_OF[key]), key)
    assert got == value
    assert type(got) is type(value)


def test_tau_takes_the_place_of_beta_and_back() -> None:
    tau = settings.override(recipes.digits(), {"tau_ms": "20"})
    assert (tau.network.beta, tau.network.tau_ms) == (None, 20.0)
    beta = settings.override(tau, {"beta": "0.9"})
    assert (beta.network.beta, beta.network.tau_ms) == (0.9, None)
    with pytest.raises(InputError, match="either beta or tau_ms"):
        settings.override(tau, {"beta": "0.9", "tau_ms": "20"})


@pytest.mark.parametrize(
    ("key", "given_text", "message"),
    [
        ("lerning_rate", "1", "setting: expected a known key, got lerning_rate; did you mean learning_rate"),
        ("zzz", "1", "setting: expected a known key, got zzz; known are dataset, path"),
        ("learning_rate", "fast", "learning_rate: expected a number, got 'fast'"),
        ("learning_rate", "nan", "learning_rate: expected a number, got 'nan'"),
        ("learning_rate", "0", "learning_rate: expected a number above 0, got 0.0"),
        ("epochs", "1.5", "epochs: expected an integer, got '1.5'"),
        ("recurrent", "yes", "recurrent: expected true or false or one-to-one, got 'yes'"),
        ("reset", "hard", "reset: expected zero, subtract, none, got 'hard'"),
        ("hidden", "512-128", "hidden: expected integers with commas between, got '512-128'"),
        ("hidden", "512,0", r"hidden: expected layer sizes of at least 1, got \[512, 0\]"),
        ("crop", "wide", "crop: expected an integer or none, got 'wide'"),
        ("sparse", "maybe", "sparse: expected true or false or auto, got 'maybe'"),
        ("batch_size", "0", "batch_size: expected an integer of at least 1, got 0"),
        ("validation", "1", "validation: expected a number from 0 below 1, got 1.0"),
        ("loss", "hinge", "loss: expected spike_sum, max_membrane"),
        ("rotation_degrees", "181", "rotation_degrees: expected degrees from 0 to 180, got 181"),
        ("zoom", "1", "zoom: expected a number from 0 below 1, got 1.0"),
        ("shear", "-0.1", "shear: expected pixels a row from 0 to 1, got -0.1"),
        ("folds", "1", "folds: expected an integer of at least 2, got 1"),
        ("fold", "1", "fold: expected 0 where folds is none, got 1; set folds"),
    ],
)
def test_what_cannot_be_meant_is_refused(key: str, given_text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings.override(recipes.digits(), {key: given_text})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": "5"}, "fold: expected one of the 5 parts, 0 to 4, got 5"),
        ({"fold": "-1"}, "fold: expected one of the 5 parts, 0 to 4, got -1"),
        ({"test_samples": "9"}, "test_samples: expected none beside folds, which say what is tested on, got 9"),
        ({"hold_out_speaker": "ann"}, "hold_out_speaker: expected none beside folds, .*, got ann"),
    ],
)
def test_what_cannot_be_beside_folds_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings.override(recipes.digits(), {"folds": "5"} | changes)


def test_assignments() -> None:
    assert settings.assignments(["a = 1", "b-c=x=y"]) == {"a": "1", "b_c": "x=y"}
    with pytest.raises(InputError, match="setting: expected key=value, got 'epochs 3'"):
        settings.assignments(["epochs 3"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("batch_size", "bach_size"), "got bach_size; did you mean batch_size|every setting"),
        (lambda t: t.replace("epochs = 10\n", ""), "expected every setting, got none for epochs"),
        (lambda t: t.replace("[data]", "[date]"), "date: expected one of recipe, data, network, training"),
        (lambda t: t.replace("epochs = 10", "epochs = ten"), "expected TOML"),
        (lambda t: t.replace("epochs = 10", 'epochs = "ten"'), "epochs: expected an integer, got 'ten'"),
        (lambda t: t.replace("[network]", "[network]\nepochs = 3"), r"epochs: expected a setting of \[network\]"),
        (lambda t: "", r"expected a table \[data\], got none"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(change(settings.to_toml(Config())))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        settings.from_toml(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: expected a file of settings, got No such file"):
        settings.from_toml(tmp_path / "none.toml")


def test_recipes_are_known_by_name() -> None:
    assert recipes.names() == ["digits", "nmnist", "shd", "dvsgesture", "fsdd", "randman"]
    for name in recipes.names():
        assert recipes.named(name).recipe == name
    with pytest.raises(
        InputError, match="recipe: expected a known name, or a config.toml, got nmist; did you mean nmnist"
    ):
        recipes.named("nmist")
