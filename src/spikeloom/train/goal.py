"""What the gradients of a batch lower: the objective, and the penalty on activity."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jaxtyping import Float, Int
from torch import Tensor

from spikeloom.nn.losses import Output
from spikeloom.spikes import Spikes
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.finite import Watch
from spikeloom.train.penalties import neuron_counts, on_activity


@dataclass(frozen=True)
class Goal:
    """The goal of one batch.

    Args:
        model: whose objective it is.
        labels: `[B]`, on the device of the model or on the CPU.
        settings: of the penalty.
        rows: steps times samples of the whole batch.
        at: where this is, as in "epoch 1, step 3".
        watch: what the objective is checked by.
    """

    model: Classifier
    labels: Int[Tensor, "B"]
    settings: TrainingSettings
    rows: int
    at: str
    watch: Watch = field(default_factory=Watch)

    @property
    def penalised(self) -> bool:
        """Whether there is a penalty."""
        return self.settings.activity_penalty > 0

    def counts(self, outputs: Sequence[Spikes | Tensor]) -> list[Float[Tensor, "N"]]:
        """How often each hidden neuron spiked, by layer, as the penalty needs it; nothing where there is none.

        Args:
            outputs: of all layers.
        """
        return [neuron_counts(x) for x in outputs[:-1] if isinstance(x, Spikes)] if self.penalised else []

    def objective(self, output: Output) -> Float[Tensor, ""]:
        """The objective.

        Raises:
            InputError: it is not finite; of a late watch only when that judges.
        """
        loss = self.model.loss(output, self.labels)
        # Spikes are 0 or 1 whatever the weights, so a loss that is not finite began in the last layer.
        self.watch.check([(f"{self.model.network[-1].label}: loss", loss)], self.at)
        return loss

    def penalty(self, counts: Sequence[Float[Tensor, "N"]]) -> Float[Tensor, ""] | float:
        """The penalty on what the hidden neurons did in the whole batch; 0 where there is none."""
        if not self.penalised:
            return 0.0
        low, high = self.settings.activity_low, self.settings.activity_high
        return on_activity(counts, self.rows, low=low, high=high, strength=self.settings.activity_penalty)
