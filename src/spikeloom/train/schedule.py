"""How settings change from one training step to the next."""

import math

from spikeloom.train.config import TrainingSettings

WARMUP_FROM = 0.2
"""The fraction of the peak at which the learning rate begins (Finkbeiner et al. 2024, the accuracy runs)."""

WINDOW_FROM = -100.0
"""Where an annealed second threshold begins (the same)."""


def learning_rate(step: int, total: int, settings: TrainingSettings) -> float:
    """The learning rate of a training step: a straight line up to the peak, then a cosine down to the final rate.

    Args:
        step: from 0 to total - 1.
        total: training steps of the run.
        settings: the peak, the steps of warm-up (at most half of all are used) and the final rate.
    """
    warmup = min(settings.warmup_steps, total // 2)
    if step < warmup:
        return settings.learning_rate * (WARMUP_FROM + (1 - WARMUP_FROM) * step / warmup)
    done = (step - warmup) / max(1, total - 1 - warmup)
    fraction = settings.final_rate + (1 - settings.final_rate) * (1 + math.cos(math.pi * done)) / 2
    return settings.learning_rate * fraction


def second_threshold(step: int, final: float) -> float:
    """The annealed second threshold of a training step: it starts at -100 and halves its distance with each.

    Args:
        step: from 0 on.
        final: where it ends; one at or below -100 does not move.
    """
    return final if final <= WINDOW_FROM else final - (final - WINDOW_FROM) * 0.5**step
