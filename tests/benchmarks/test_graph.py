"""An adapter's step as a CUDA graph, and TF32 while it is taken."""

import pytest
import torch
from bench.gpu.recording import check_recorded_once

from benchmarks.peers import _graph
from benchmarks.peers._training import EAGER, Launch, products_in


def test_a_step_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    check_recorded_once(_graph.Captured, _graph.WARM_UP, monkeypatch)


def test_tf32_is_allowed_where_a_launch_asks_for_it() -> None:
    before = torch.get_float32_matmul_precision()
    with products_in(Launch(tf32=True)):
        assert torch.get_float32_matmul_precision() == "high"
    with products_in(EAGER):
        assert torch.get_float32_matmul_precision() == before
