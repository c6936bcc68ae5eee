"""Named runs: each a function that returns all settings of one."""

from collections.abc import Callable

from spikeloom.checks import require
from spikeloom.train.config import Config, DataSettings, NetworkSettings, TrainingSettings
from spikeloom.train.settings import nearest


def digits() -> Config:
    """scikit-learn's handwritten digits, moved over an event sensor as N-MNIST was made; needs no download."""
    return Config(
        recipe="digits",
        data=DataSettings(dataset="digits", dt_ms=3.0, steps=100, jitter_pixels=1),
        network=NetworkSettings(hidden=(256, 128), beta=0.9, loss="per_step"),
        training=TrainingSettings(epochs=15, learning_rate=5e-3),
    )


def nmnist() -> Config:
    """N-MNIST (Orchard et al. 2015), from recordings in its official layout."""
    return Config(
        recipe="nmnist",
        data=DataSettings(dataset="nmnist", dt_ms=3.0, steps=100, jitter_pixels=2, time_skew=0.1),
        network=NetworkSettings(hidden=(256, 128), beta=0.9, loss="per_step"),
        training=TrainingSettings(epochs=30, learning_rate=5e-3),
    )


RECIPES: dict[str, Callable[[], Config]] = {recipe.__name__: recipe for recipe in (digits, nmnist)}


def names() -> list[str]:
    """The names of all recipes."""
    return list(RECIPES)


def named(name: str) -> Config:
    """The settings of the recipe with this name.

    Raises:
        InputError: no such recipe, naming the nearest.
    """
    require(name in RECIPES, "recipe", "a known name, or a config.toml", name, nearest(name, RECIPES))
    return RECIPES[name]()
