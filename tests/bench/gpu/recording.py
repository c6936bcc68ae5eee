"""What must happen when a step is recorded, with graphs and streams that are made up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch


def check_recorded_once(captured_step: Callable[..., Any], warm_up: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is warmed up in the first call, recorded in the second, and replayed from then on."""
    log: list[str] = []

    @contextmanager
    def recording(graph: object) -> Iterator[None]:
        log.append("record")
        yield
        log.append("recorded")

    stream = SimpleNamespace(wait_stream=lambda other: log.append("wait"))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda one: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=lambda: log.append("replay")))
    monkeypatch.setattr(torch.cuda, "graph", recording)

    def step() -> torch.Tensor:
        log.append("step")
        return torch.tensor(float(log.count("step")))

    captured = captured_step(step, torch.device("cuda", 0))
    assert float(captured()) == warm_up
    assert log == ["wait", *["step"] * warm_up, "wait"]
    log.clear()
    losses = [captured() for _ in range(3)]
    assert log == ["record", "step", "recorded", "replay", "replay", "replay"]
    assert all(loss is losses[0] for loss in losses)
