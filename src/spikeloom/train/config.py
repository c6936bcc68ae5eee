"""Every setting of a run, each a frozen field in one place."""

import math
from dataclasses import dataclass, field
from typing import Literal

from spikeloom.checks import require
from spikeloom.gpu import check_form
from spikeloom.neurons import absolute


@dataclass(frozen=True)
class DataSettings:
    """What a network is trained on, and how events become spikes.

    Args:
        dataset: a name in `data.catalogue`; "folder" is one of your own.
        path: the folder of the recordings; none: where `spikeloom data get` puts them.
        pool: take training and test recordings together and split them by the run's seed.
        folds: cross-validation: cut training and test recordings together into so many parts, at least 2, the same for
            every run; none: no parts.
        fold: which of these parts, from 0 on, is tested on; all others are trained on.
        hold_out_speaker: of spoken data sets: test on this speaker, train on all others; none: the official split.
        train_samples: how many samples to train on, validation included; none: all (pooled: all but the test samples).
        test_samples: how many samples to test on; none: all (pooled: a fifth).
        validation: the fraction of the training samples that is held out to choose the best epoch, from 0 below 1.
            With 0 the last epoch's weights are the run's.
        validation_speaker: of spoken data sets: the samples held out are this speaker's, instead of a fraction.
        dt_ms: length of a time step in milliseconds, above 0.
        steps: time steps per sample; what comes later is cut off.
        crop: side in pixels of the square that is cut from the middle of the sensor; none: all of it.
        denoise_ms: an event stays only if one has come from its neighbourhood in so many milliseconds; 0: all stay.
        batch_size: samples per training step.
        jitter_pixels: augmentation: a sample moves by up to so many pixels in x and y.
        channel_shift: augmentation: a sample of a sensor of one row moves by up to so many channels.
        rotation_degrees: augmentation: a sample turns by up to so many degrees either way, from 0 to 180.
        zoom: augmentation: a sample grows by 1 - zoom to 1 + zoom, from 0 below 1.
        shear: augmentation: a sample slants by up to so many pixels a row either way, from 0 to 1.
        flip: augmentation: the chance that a sample is mirrored, left to right, from 0 to 1.
        time_jitter_ms: augmentation: the standard deviation of what is added to the time of each event, at least 0.
        time_skew: augmentation: times are stretched by 1 - time_skew to 1 + time_skew, from 0 below 1.
        event_drop: augmentation: the fraction of events dropped, from 0 below 1.
        voices: augmentation of fsdd: each sample to train on comes so many times more, in made-up voices; at least 0.
    """

    dataset: Literal["digits", "nmnist", "shd", "ssc", "dvsgesture", "fsdd", "randman", "folder"] = "digits"
    path: str | None = None
    pool: bool = False
    folds: int | None = None
    fold: int = 0
    hold_out_speaker: str | None = None
    train_samples: int | None = None
    test_samples: int | None = None
    validation: float = 0.1
    validation_speaker: str | None = None
    dt_ms: float = 1.0
    steps: int = 100
    crop: int | None = None
    denoise_ms: float = 0.0
    batch_size: int = 48
    jitter_pixels: int = 0
    rotation_degrees: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    channel_shift: int = 0
    flip: float = 0.0
    time_jitter_ms: float = 0.0
    time_skew: float = 0.0
    event_drop: float = 0.0
    voices: int = 0

    def __post_init__(self) -> None:
        for name in ("validation", "time_skew", "event_drop", "zoom"):
            value = getattr(self, name)
            require(0 <= value < 1, name, "a number from 0 below 1", value)
        require(0 <= self.rotation_degrees <= 180, "rotation_degrees", "degrees from 0 to 180", self.rotation_degrees)
        require(0 <= self.shear <= 1, "shear", "pixels a row from 0 to 1", self.shear)
        require(0 <= self.flip <= 1, "flip", "a chance from 0 to 1", self.flip)
        require(0 < self.dt_ms < math.inf, "dt_ms", "a number of milliseconds above 0", self.dt_ms)
        for name in ("denoise_ms", "time_jitter_ms"):
            value = getattr(self, name)
            require(0 <= value < math.inf, name, "a number of milliseconds of at least 0", value)
        for name in ("train_samples", "test_samples", "steps", "crop", "batch_size"):
            value = getattr(self, name)
            require(value is None or value >= 1, name, "an integer of at least 1", value)
        require(self.voices >= 0, "voices", "at least 0", self.voices)
        require(self.jitter_pixels >= 0, "jitter_pixels", "a number of pixels of at least 0", self.jitter_pixels)
        require(self.channel_shift >= 0, "channel_shift", "a number of channels of at least 0", self.channel_shift)
        pooled = self.pool and self.hold_out_speaker is not None
        require(not pooled, "pool", "false beside hold_out_speaker, which pools by itself", "true")
        self._check_folds()

    def _check_folds(self) -> None:
        if self.folds is None:
            require(self.fold == 0, "fold", "0 where folds is none", self.fold, "set folds to how many parts there are")
            return
        require(self.folds >= 2, "folds", "an integer of at least 2", self.folds)
        require(0 <= self.fold < self.folds, "fold", f"one of the {self.folds} parts, 0 to {self.folds - 1}", self.fold)
        for name in ("hold_out_speaker", "test_samples"):
            value = getattr(self, name)
            require(value is None, name, "none beside folds, which say what is tested on", value)


@dataclass(frozen=True)
class NetworkSettings:
    """The network; `nn.Spiking` says more of what its layers take.

    Args:
        hidden: neurons of each hidden layer.
        neuron: the hidden layers' kind: if, lif, cuba_lif, alif, adlif, se_adlif, or one of your own as FILE.py:NAME.
        neuron_parameters: parameters of the neuron beside those below, as NAME=NUMBER: rho=0.95,a=1.
        learn: parameters of the neuron that are learned, by name.
        learn_per: "neuron" or "layer": whether each neuron learns its own.
        refractory: for so many steps after a spike a hidden neuron is deaf and silent.
        delay: each hidden layer behind the first hears its input so many steps later.
        beta: decay of the hidden membranes over a step, from 0 to 1; none where tau_ms is given.
        tau_ms: time constant of the hidden membranes in milliseconds, instead of beta.
        threshold: where a membrane spikes.
        second_threshold: the lower edge of the gradient window; -inf for no window.
        gain: what a layer's current is multiplied by.
        reset: "zero", "subtract" or "none".
        surrogate: as `surrogates.from_spec` reads it.
        recurrent: hidden layers have connections within themselves, all to all (true), or of each neuron to itself
            ("one-to-one").
        bias: layers have a bias.
        dropout: in training, each neuron of a hidden layer is silent to the next layer for a whole sample with this
            chance, from 0 below 1.
        max_activity: cap on the fraction of a layer's neurons whose spikes leave it in a step; none for no cap.
        sparse: "auto" takes the faster of sparse and dense products; true or false force one.
        readout: "li" (leaky integrators), "linear" (a linear map of the spikes) or "spikes" (spiking class neurons).
        readout_beta: decay of the readout's membranes over a step, from 0 to 1.
        loss: a name in `nn.losses.OBJECTIVES`.
    """

    hidden: tuple[int, ...] = (512, 128)
    neuron: str = "lif"
    neuron_parameters: tuple[str, ...] = ()
    learn: tuple[str, ...] = ()
    learn_per: Literal["neuron", "layer"] = "neuron"
    refractory: int = 0
    delay: int = 0
    beta: float | None = 0.95
    tau_ms: float | None = None
    threshold: float = 1.0
    second_threshold: float = 0.9
    gain: float = 1.0
    reset: Literal["zero", "subtract", "none"] = "zero"
    surrogate: str = "SuperSpike(10.0)"
    recurrent: Literal["one-to-one"] | bool = False
    bias: bool = False
    dropout: float = 0.0
    max_activity: float | None = None
    sparse: Literal["auto"] | bool = "auto"
    readout: Literal["li", "linear", "spikes"] = "li"
    readout_beta: float = 0.95
    loss: Literal[
        "spike_sum", "max_membrane", "per_step", "per_step_likelihood", "summed_over_steps", "spike_count_error"
    ] = "spike_sum"

    def __post_init__(self) -> None:
        require(all(n >= 1 for n in self.hidden), "hidden", "layer sizes of at least 1", list(self.hidden))
        require(0 <= self.dropout < 1, "dropout", "a chance from 0 below 1", self.dropout)
        # A run is found again from any folder.
        object.__setattr__(self, "neuron", absolute(self.neuron))
        for given in self.neuron_parameters:
            require(given.count("=") == 1, "neuron_parameters", "NAME=NUMBER, with commas between", repr(given))
        for name in ("refractory", "delay"):
            require(getattr(self, name) >= 0, name, "a number of steps of at least 0", getattr(self, name))
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
        accumulate: batches whose gradients are averaged for one training step.
        clip_norm: gradients are scaled down to this norm over all weights where theirs is larger; none: never.
        patience: training stops after so many epochs without a better one on validation; none: never.
        initial_activity: weights are scaled before training so that this fraction of each layer spikes on a first
            batch, above 0 below 1; none leaves them as they were drawn.
        anneal_window: the second threshold starts 100 below and halves its distance with every training step.
        activity_low: below this fraction of steps a hidden neuron is penalised as too quiet, from 0 to 1.
        activity_high: above this fraction of steps a hidden neuron is penalised as too busy, from 0 to 1.
        activity_penalty: the weight of both penalties in the loss; 0 for none.
        time_chunk: memory for so many steps at a time: the gradient is exact, and a forward pass more is the price;
            none: all steps at once.
        tbptt: backpropagation through time is cut after so many steps, in memory for as many; none: never.
        checkpoints: how many of the last checkpoints are kept, at least 1.
        checkpoint_minutes: a checkpoint comes at the end of an epoch, and whenever so many minutes have passed.
        tensorboard: write the metrics for TensorBoard too.
        seed: of weights, order, split, augmentation and dropout.
        device: where the network computes: "cpu", "cuda" or "cuda:N", N a GPU's number. A run may go on elsewhere.
        threads: worker threads; none: as many as torch takes.
        precision: of the weights that products and gathers read, and of dense products; states, sums, gradients and the
            weights that are trained are fp32 either way.
    """

    epochs: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 10
    final_rate: float = 0.02
    accumulate: int = 1
    clip_norm: float | None = None
    patience: int | None = None
    initial_activity: float | None = 0.05
    anneal_window: bool = False
    activity_low: float = 0.0
    activity_high: float = 1.0
    activity_penalty: float = 0.0
    time_chunk: int | None = None
    tbptt: int | None = None
    checkpoints: int = 2
    checkpoint_minutes: float = 5.0
    tensorboard: bool = False
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulate", "patience", "time_chunk", "tbptt", "checkpoints", "threads"):
            value = getattr(self, name)
            require(value is None or value >= 1, name, "an integer of at least 1", value)
        require(0 < self.learning_rate < math.inf, "learning_rate", "a number above 0", self.learning_rate)
        for name in ("weight_decay", "activity_penalty"):
            value = getattr(self, name)
            require(0 <= value < math.inf, name, "a number of at least 0", value)
        require(self.clip_norm is None or self.clip_norm > 0, "clip_norm", "a norm above 0", self.clip_norm)
        require(self.warmup_steps >= 0, "warmup_steps", "an integer of at least 0", self.warmup_steps)
        require(0 <= self.final_rate <= 1, "final_rate", "a number from 0 to 1", self.final_rate)
        wanted = self.initial_activity
        require(wanted is None or 0 < wanted < 1, "initial_activity", "a fraction between 0 and 1", wanted)
        low, high = self.activity_low, self.activity_high
        require(0 <= low <= high <= 1, "activity_low", "0 <= activity_low <= activity_high <= 1", f"{low} and {high}")
        both = self.tbptt is not None and self.time_chunk is not None
        require(not both, "tbptt", "tbptt or time_chunk", "both", "set time_chunk=none: tbptt bounds memory too")
        require(self.checkpoint_minutes > 0, "checkpoint_minutes", "minutes above 0", self.checkpoint_minutes)
        require(0 <= self.seed < 2**63, "seed", "an integer from 0 to 2^63 - 1", self.seed)
        check_form(self.device)


@dataclass(frozen=True)
class Config:
    """A run: all its settings, and the name of the recipe they began as."""

    recipe: str = "custom"
    data: DataSettings = field(default_factory=DataSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
