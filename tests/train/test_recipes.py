"""Recipes: what they are called, and that their settings are what the readers and the engine can take."""

import pytest

from spikeloom import InputError
from spikeloom.train import recipes, settings
from spikeloom.train.config import Config


def test_the_names() -> None:
    assert recipes.names() == ["digits", "nmnist", "shd", "dvsgesture", "fsdd", "randman"]


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_carries_its_name_and_is_made_anew(name: str) -> None:
    config = recipes.named(name)
    assert config.recipe == config.data.dataset == name
    assert config == recipes.named(name)
    assert config.data.validation > 0, "the best epoch is chosen on validation"
    assert config.network.loss in ("per_step", "per_step_likelihood"), "a readout of each step"
    assert settings.override(config, {}) == config


def test_left_and_right_gestures_are_not_mirrored() -> None:
    assert recipes.dvsgesture().data.flip == 0


def test_an_unknown_recipe() -> None:
    with pytest.raises(InputError, match="recipe: expected a known name, or a config.toml, got sdh; did you mean shd?"):
        recipes.named("sdh")
    assert isinstance(recipes.named("shd"), Config)
