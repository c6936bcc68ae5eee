"""Whether a training step fits into memory: said before the first one, and where a GPU's memory ends after all."""

from types import TracebackType
from typing import Self

import torch

from spikeloom.checks import InputError, require
from spikeloom.spikes import Spikes
from spikeloom.train import chunks, gpu_memory, memory
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.memory import Estimate, in_words


class Budget:
    """What a training step takes of memory, and what there is.

    As a context it turns torch's error at the end of a GPU's memory into one that says so, and what to lower.

    Args:
        settings: of the training.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings = settings
        self._needed: Estimate | None = None

    def check(self, model: Classifier, spikes: Spikes) -> str:
        """A line that says what a training step takes and what is free.

        Args:
            model: its weights scaled to the activity that training begins with.
            spikes: a batch as it will be trained on, on the device of the model.

        Raises:
            InputError: it clearly does not fit.
        """
        on_gpu = model.device.type == "cuda"
        self._needed = needed = (gpu_memory if on_gpu else memory).estimate(model, spikes, self._settings)
        free = gpu_memory.free_bytes(model.device) if on_gpu else memory.available_bytes()
        self._require(needed.total - needed.there <= free, in_words(free))
        of = f"{model.device}'s memory" if on_gpu else "memory"
        return f"a training step takes about {in_words(needed.total)} of {of}, of {in_words(free)} free"

    def _require(self, fits: bool, free: str) -> None:
        chunked = "" if chunks.length(self._settings) else ", set time_chunk or tbptt"
        needed = self._needed
        require(
            fits,
            "memory",
            f"about {in_words(needed.total)} free for a training step ({needed.in_words()})"
            if needed
            else "enough free for a batch",
            free,
            f"lower batch_size (accumulate makes up for it), steps or hidden{chunked}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, torch.OutOfMemoryError):
            device = torch.device(self._settings.device)
            free = in_words(gpu_memory.free_bytes(device))
            try:
                self._require(False, f"{free}, too little for what torch asked for on {device}")
            except InputError as said:
                raise said from error
