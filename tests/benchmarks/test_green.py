"""Our adapters agree with the reference, and one that does not is not timed."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks import green
from benchmarks.case import Built, Case
from benchmarks.peers import ours_sparse


def test_our_fp32_adapters_are_green() -> None:
    assert green.red(["ours_sparse", "ours_dense", "ours_auto"]) == {}


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
