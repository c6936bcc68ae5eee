"""Every setting of a run, each a frozen field in one place."""

import math
from dataclasses import dataclass, field
from typing import Literal

from spikeloom.checks import require


@dataclass(frozen=True)
class DataSettings:
    """What a network is trained on, and how events become spikes.

    Args:
        dataset: "digits" (scikit-learn's, as events) or "nmnist" (recordings in N-MNIST's official layout).
        path: the folder of the recordings; digits need none.
        pool: take training and test recordings together and split them by the run's seed.
        train_samples: how many samples to train on, validation included; none: all (pooled: all but the test samples).
        test_samples: how many samples to test on; none: all (pooled: a fifth).
        validation: the fraction of the training samples that is held out to choose the best epoch, from 0 below 1.
            With 0 the last epoch's weights are the run's.
        dt_ms: length of a time step in milliseconds, above 0.
        steps: time steps per sample; what comes later is cut off.
        crop: side in pixels of the square that is cut from the middle of the sensor; none: all of it.
        batch_size: samples per training step.
        jitter_pixels: augmentation: a sample moves by up to so many pixels in x and y.
        time_skew: augmentation: times are stretched by 1 - time_skew to 1 + time_skew, from 0 below 1.
        event_drop: augmentation: the fraction of events dropped, from 0 below 1.
    """

    dataset: Literal["digits", "nmnist"] = "digits"
    path: str | None = None
    pool: bool = False
    train_samples: int | None = None
    test_samples: int | None = None
    validation: float = 0.1
    dt_ms: float = 1.0
    steps: int = 100
    crop: int | None = None
    batch_size: int = 48
    jitter_pixels: int = 0
    time_skew: float = 0.0
    event_drop: float = 0.0

    def __post_init__(self) -> None:
        for name in ("validation", "time_skew", "event_drop"):
            value = getattr(self, name)
            require(0 <= value < 1, name, "a number from 0 below 1", value)
        require(0 < self.dt_ms < math.inf, "dt_ms", "a number of milliseconds above 0", self.dt_ms)
        for name in ("train_samples", "test_samples", "steps", "crop", "batch_size"):
            value = getattr(self, name)
            require(value is None or value >= 1, name, "an integer of at least 1", value)
        require(self.jitter_pixels >= 0, "jitter_pixels", "a number of pixels of at least 0", self.jitter_pixels)


@dataclass(frozen=True)
class NetworkSettings:
    """The network; `nn.LIF` says more of what its layers take.

    Args:
        hidden: neurons of each hidden layer.
        beta: decay of the hidden membranes over a step, from 0 to 1; none where tau_ms is given.
        tau_ms: time constant of the hidden membranes in milliseconds, instead of beta.
        threshold: where a membrane spikes.
        second_threshold: the lower edge of the gradient window; -inf for no window.
        gain: what a layer's current is multiplied by.
        reset: "zero", "subtract" or "none".
        surrogate: as `surrogates.from_spec` reads it.
        recurrent: hidden layers have all-to-all connections within themselves.
        bias: layers have a bias.
        max_activity: cap on the fraction of a layer's neurons whose spikes leave it in a step; none for no cap.
        sparse: "auto" takes the faster of sparse and dense products; true or false force one.
        readout: "li" (leaky integrators), "linear" (a linear map of the spikes) or "spikes" (spiking class neurons).
        readout_beta: decay of the readout's membranes over a step, from 0 to 1.
        loss: a name in `nn.losses.OBJECTIVES`.
    """

    hidden: tuple[int, ...] = (512, 128)
    beta: float | None = 0.95
    tau_ms: float | None = None
    threshold: float = 1.0
    second_threshold: float = 0.9
    gain: float = 1.0
    reset: Literal["zero", "subtract", "none"] = "zero"
    surrogate: str = "SuperSpike(10.0)"
    recurrent: bool = False
    bias: bool = False
    max_activity: float | None = None
    sparse: Literal["auto"] | bool = "auto"
    readout: Literal["li", "linear", "spikes"] = "li"
    readout_beta: float = 0.95
    loss: Literal["spike_sum", "max_membrane", "per_step", "summed_over_steps", "spike_count_error"] = "spike_sum"

    def __post_init__(self) -> None:
        require(all(n >= 1 for n in self.hidden), "hidden", "layer sizes of at least 1", list(self.hidden))
        one = (self.beta is None) != (self.tau_ms is None)
        got = f"beta={self.beta} and tau_ms={self.tau_ms}"
        require(one, "beta", "either beta or tau_ms", got, "set the other one to none")
        spikes = self.readout == "spikes" and self.loss == "max_membrane"
        require(not spikes, "loss", "one on spikes, for a readout of spikes", self.loss, "set readout=li")


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained.

    Args:
        epochs: passes over the training samples.
        learning_rate: its peak; AdamW.
        weight_decay: AdamW's.
        warmup_steps: training steps over which the rate rises from a fifth of its peak; it then falls along a cosine.
        final_rate: the fraction of the peak at the end, from 0 to 1.
        initial_activity: weights are scaled before training so that this fraction of each layer spikes on a first
            batch, above 0 below 1; none leaves them as they were drawn.
        anneal_window: the second threshold starts 100 below and halves its distance with every training step.
        seed: of weights, order, split and augmentation.
        threads: worker threads; none: as many as torch takes.
    """

    epochs: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 10
    final_rate: float = 0.02
    initial_activity: float | None = 0.05
    anneal_window: bool = False
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "epochs", "an integer of at least 1", self.epochs)
        require(0 < self.learning_rate < math.inf, "learning_rate", "a number above 0", self.learning_rate)
        require(0 <= self.weight_decay < math.inf, "weight_decay", "a number of at least 0", self.weight_decay)
        require(self.warmup_steps >= 0, "warmup_steps", "an integer of at least 0", self.warmup_steps)
        require(0 <= self.final_rate <= 1, "final_rate", "a number from 0 to 1", self.final_rate)
        wanted = self.initial_activity
        require(wanted is None or 0 < wanted < 1, "initial_activity", "a fraction between 0 and 1", wanted)
        require(0 <= self.seed < 2**63, "seed", "an integer from 0 to 2^63 - 1", self.seed)
        require(self.threads is None or self.threads >= 1, "threads", "an integer of at least 1", self.threads)


@dataclass(frozen=True)
class Config:
    """A run: all its settings, and the name of the recipe they began as."""

    recipe: str = "custom"
    data: DataSettings = field(default_factory=DataSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
