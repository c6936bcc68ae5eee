"""One training step."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from spikeloom.nn import Spiking
from spikeloom.optim import AdamW
from spikeloom.spikes import Spikes
from spikeloom.train import chunks, finite, reading, schedule
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.finite import Watch
from spikeloom.train.goal import Goal
from spikeloom.train.norm import gradient_norm, late_norm
from spikeloom.train.seen import Seen, added


@dataclass
class Trainer:
    """What training needs and changes from batch to batch.

    A training step takes `settings.accumulate` batches, whose gradients are averaged. While some wait for others
    (`pending` is not 0), gradients are a part of the state; else the weights, the optimizer, torch's random numbers and
    the counters here are all of it.

    Args:
        model: whose weights are trained.
        optimizer: over all of them.
        settings: of the training.
        total: training steps of the whole run.
        done: training steps so far.
        dropped: ids that a cap on activity has dropped so far.
        pending: batches whose gradients wait for the training step.
        seen: by hidden layer, what its neurons did since this was last emptied.
    """

    model: Classifier
    optimizer: AdamW
    settings: TrainingSettings
    total: int
    done: int = 0
    dropped: int = 0
    pending: int = 0
    seen: dict[str, Seen] = field(default_factory=dict)

    def step(self, spikes: Spikes, labels: Tensor, at: str) -> tuple[float, Tensor]:
        """Train on a batch: its gradients are added, and every so many batches the weights move.

        A GPU is waited for once, at the end.

        Args:
            spikes: the batch, on the device of the model.
            labels: `[B]`, their classes, there or on the CPU.
            at: where this is, as in "epoch 1, step 3".

        Returns:
            The objective's loss, without the penalty on activity, and the classes found before the step, on the CPU.

        Raises:
            InputError: a number that is not finite, naming the layer and `at`.
        """
        self._set_schedules()
        if self.pending == 0:
            self.optimizer.zero_grad(set_to_none=True)
        watch = Watch(late=reading.is_late(self.model.device))
        with finite.at(at):
            goal = Goal(self.model, labels, self.settings, spikes.steps * spikes.batch, at, watch)
            loss, output = chunks.backward(goal, spikes)
        self.pending += 1
        if self.pending == self.settings.accumulate:
            self._move(at, watch)
        classes = self.model.objective.classes(output)
        loss, classes, *numbers = self.model.read(spikes, loss, classes, *watch.numbers())
        watch.judge(numbers)
        self.dropped += self.model.dropped
        self.seen = added(self.seen, self.model.hidden_seen)
        return loss.item(), classes

    def finish(self, at: str) -> None:
        """Move the weights by the mean of the gradients that wait, of fewer batches than usual at an epoch's end.

        Args:
            at: as in `step`.

        Raises:
            InputError: a gradient or a weight that is not finite, naming the layer and `at`.
        """
        if self.pending == 0:
            return
        watch = Watch(late=reading.is_late(self.model.device))
        self._move(at, watch)
        if watch.late:
            watch.judge(reading.together(watch.numbers()))

    def _move(self, at: str, watch: Watch) -> None:
        """Move the weights by the mean of the gradients that wait."""
        gradients = [p.grad for p in self.model.network.parameters() if p.grad is not None]
        if self.pending > 1:
            torch._foreach_mul_(gradients, 1 / self.pending)
        self._clip(gradients, at, watch)
        self.optimizer.step()
        # A gradient that is not finite makes such weights, so this finds both.
        watch.check(finite.parameters(self.model.network), at)
        self.pending = 0
        self.done += 1

    def _clip(self, gradients: list[Tensor], at: str, watch: Watch) -> None:
        """Scale the gradients down to the largest norm allowed."""
        limit = self.settings.clip_norm
        if limit is None:
            return
        if watch.late:
            self._clip_late(gradients, limit, at, watch)
            return
        norm = gradient_norm(gradients)
        if not norm < float("inf"):
            finite.check(finite.gradients(self.model.network), at)
        finite.check([("gradients: norm", torch.tensor(norm))], at)
        if norm > limit:
            torch._foreach_mul_(gradients, limit / norm)

    def _clip_late(self, gradients: list[Tensor], limit: float, at: str, watch: Watch) -> None:
        """The same where nobody waits for the norm."""
        norm = late_norm(gradients)
        watch.check([*finite.gradients(self.model.network), ("gradients: norm", norm)], at, by=norm)
        # By a norm that is not finite nothing is scaled: what makes it so is found in its place.
        factor = torch.where(norm.isfinite(), limit / norm, 1.0).clamp(max=1.0)
        torch._foreach_mul_(gradients, factor)

    def _set_schedules(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.learning_rate(self.done, self.total, self.settings)
        if self.settings.anneal_window:
            final = self.model.settings.second_threshold
            for layer in self.model.network:
                if isinstance(layer, Spiking):
                    layer.get_buffer("second_threshold").fill_(schedule.second_threshold(self.done, final))
