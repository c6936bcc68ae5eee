"""Our adapters agree with the reference, and one that does not is not timed."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks import green
from benchmarks.case import Built, Case
from benchmarks.peers import _ours, ours_auto_graph, ours_dense_graph, ours_sparse


def test_our_fp32_adapters_are_green() -> None:
    assert green.red(["ours_sparse", "ours_dense", "ours_auto"]) == {}


def test_adapters_whose_steps_are_recorded_are_green(monkeypatch: pytest.MonkeyPatch) -> None:
    # No graph is recorded on a CPU: what would be recorded is run.
    monkeypatch.setattr(_ours, "Captured", lambda step, device: step)
    names = [f"ours_{route}{bf16}_graph" for route in ("dense", "auto") for bf16 in ("", "_bf16")]
    assert green.red(names) == {}
    case = green.small_cases()[0]
    assert ours_dense_graph.build(case).note == ""
    # Few neurons spike there.
    assert ours_auto_graph.build(case).note == _ours.NOT_CAPTURED


@pytest.mark.parametrize("wrong", ["loss", "gradient"])
def test_a_wrong_result_is_red(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    def build(case: Case) -> Built:
        built = ours_sparse.build(case)

        def check() -> tuple[float, list[torch.Tensor]]:
            assert built.check is not None
            loss, gradients = built.check()
            if wrong == "loss":
                return loss * 1.001, gradients
            return loss, [gradients[0] * 1.001, *gradients[1:]]

        return Built(built.step, built.activity, check)

    adapter = SimpleNamespace(supports=lambda case: None, build=build, NUMBER_TYPE="fp32")
    monkeypatch.setattr(green, "import_module", lambda name: adapter)
    reasons = green.red(["ours_sparse"])
    assert reasons["ours_sparse"].startswith("red: ours_sparse on a feed-forward network: expected loss and gradients")


def test_the_reference_s_gradients_have_the_weights_shapes() -> None:
    for case in green.small_cases():
        loss, gradients = green.of_reference(case)
        weights = [w for w in (*case.weights, *case.recurrent, case.readout) if w is not None]
        assert [tuple(g.shape) for g in gradients] == [tuple(w.shape) for w in weights]
        assert loss > 0
        assert all(float(g.abs().max()) > 0 for g in gradients)
