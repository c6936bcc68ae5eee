"""Named runs: each a function that returns all settings of one.

What they share follows the accuracy runs of Finkbeiner et al. (AAAI 2024): AdamW with ten steps of warm-up and a cosine
down to 0.02 of the peak, weights scaled at the start so that 5 % of each layer spikes, cross-entropy at every step. The
later ones also open the gradient window over the first training steps; the best epoch is chosen on validation.
"""

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
    """N-MNIST (Orchard et al. 2015), from recordings in its official layout.

    Steps of 5 ms cover the three movements of the camera. Turned, zoomed and slanted digits stand for other hands: with
    some hundred recordings they matter more than the network.
    """
    return Config(
        recipe="nmnist",
        data=DataSettings(
            dataset="nmnist",
            dt_ms=5.0,
            steps=60,
            jitter_pixels=2,
            rotation_degrees=15.0,
            zoom=0.15,
            shear=0.3,
            time_skew=0.1,
        ),
        network=NetworkSettings(hidden=(512,), beta=0.9, loss="per_step_likelihood"),
        training=TrainingSettings(epochs=30, learning_rate=5e-3),
    )


def shd() -> Config:
    """Spiking Heidelberg Digits (Cramer et al. 2022): 20 spoken digits of twelve speakers through a cochlea.

    One recurrent layer, and 100 steps of 10 ms, as the throughput runs of Finkbeiner et al. have; time skew from 0.8 to
    1.2 and jitter of times as in their accuracy runs. A shift over the channels stands for voices of another pitch.
    """
    return Config(
        recipe="shd",
        data=DataSettings(
            dataset="shd",
            dt_ms=10.0,
            steps=100,
            batch_size=128,
            channel_shift=20,
            time_jitter_ms=5.0,
            time_skew=0.2,
            event_drop=0.1,
        ),
        network=NetworkSettings(hidden=(1024,), beta=0.9, recurrent=True, loss="per_step"),
        training=TrainingSettings(epochs=50, learning_rate=3e-3, anneal_window=True),
    )


def dvsgesture() -> Config:
    """DVS128 Gesture (Amir et al. 2017): 11 gestures, halved to 48x48 pixels.

    100 steps of 10 ms cover the first second, as the 1,000 steps of 1 ms of Finkbeiner et al. do, with a tenth of their
    memory and time; a gesture moves within tenths of a second, so little of it is lost. Nothing is mirrored: left and
    right hands are classes of their own.
    """
    return Config(
        recipe="dvsgesture",
        data=DataSettings(
            dataset="dvsgesture",
            dt_ms=10.0,
            steps=100,
            denoise_ms=10.0,
            jitter_pixels=3,
            time_skew=0.1,
            event_drop=0.1,
        ),
        network=NetworkSettings(hidden=(512, 128), beta=0.9, loss="per_step"),
        training=TrainingSettings(epochs=60, learning_rate=3e-3, anneal_window=True),
    )


def fsdd() -> Config:
    """Free Spoken Digit Dataset through spikeloom's own ear: ten digits, five speakers, about 0.4 s each.

    With `--hold-out-speaker NAME` the test is on a voice that was never heard. What helps there: each recording comes
    six times more in made-up voices; the neurons adapt, each with time constants that it learns; and they do not hear
    one another, since what came before is on the ear's delay lines, and recurrent layers learn the known voices by
    heart. A slow readout adds up what was heard over the whole word.
    """
    return Config(
        recipe="fsdd",
        data=DataSettings(
            dataset="fsdd", dt_ms=20.0, steps=60, time_skew=0.2, event_drop=0.3, voices=6, validation=0.05
        ),
        network=NetworkSettings(
            hidden=(1024,),
            neuron="se_adlif",
            neuron_parameters=("rho=0.9", "a=2", "b=5"),
            learn=("beta", "rho"),
            beta=0.6,
            readout_beta=0.96,
            loss="per_step_likelihood",
        ),
        training=TrainingSettings(epochs=8, learning_rate=3e-3, weight_decay=0.1, anneal_window=True),
    )


def randman() -> Config:
    """Random manifolds (Zenke and Vogels 2021): ten classes that differ in spike times alone; needs no download."""
    return Config(
        recipe="randman",
        data=DataSettings(dataset="randman", dt_ms=2.0, steps=50),
        network=NetworkSettings(hidden=(128, 64), beta=0.9, loss="per_step"),
        training=TrainingSettings(epochs=20, learning_rate=1e-2, anneal_window=True),
    )


RECIPES: dict[str, Callable[[], Config]] = {
    recipe.__name__: recipe for recipe in (digits, nmnist, shd, dvsgesture, fsdd, randman)
}


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
