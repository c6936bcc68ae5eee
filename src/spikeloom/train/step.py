"""One training step."""

from dataclasses import dataclass

from torch import Tensor
from torch.optim import AdamW

from spikeloom.nn import LIF
from spikeloom.spikes import Spikes
from spikeloom.train import finite, schedule
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings


@dataclass
class Trainer:
    """What one training step needs and changes.

    Args:
        model: whose weights are trained.
        optimizer: over all of them.
        settings: of the training.
        total: training steps of the whole run.
        done: training steps so far.
        dropped: ids that a cap on activity has dropped so far.
    """

    model: Classifier
    optimizer: AdamW
    settings: TrainingSettings
    total: int
    done: int = 0
    dropped: int = 0

    def step(self, spikes: Spikes, labels: Tensor, at: str) -> tuple[float, Tensor]:
        """Train on a batch; returns its loss and the classes found before the step.

        Raises:
            InputError: a loss or weight that is not finite, naming the layer and `at`.
        """
        model = self.model
        self._set_schedules()
        output = model(spikes)
        loss = model.loss(output, labels)
        # Spikes are 0 or 1 whatever the weights, so a loss that is not finite began in the last layer.
        finite.check([(f"{model.network[-1].label}: loss", loss)], at)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        # A gradient that is not finite makes such weights, so this finds both.
        finite.check(finite.parameters(model.network), at)
        self.done += 1
        self.dropped += model.dropped
        return loss.item(), model.objective.classes(output)

    def _set_schedules(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.learning_rate(self.done, self.total, self.settings)
        if self.settings.anneal_window:
            final = self.model.settings.second_threshold
            for layer in self.model.network:
                if isinstance(layer, LIF):
                    layer.get_buffer("second_threshold").fill_(schedule.second_threshold(self.done, final))
