"""A training step as a CUDA graph."""

import pytest
from bench.gpu.recording import check_recorded_once

from spikeloom.bench.gpu.captured import WARM_UP, Captured


def test_a_step_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    check_recorded_once(Captured, WARM_UP, monkeypatch)
