"""Each implementation that is not ours does what the case says: its spikes and gradients are those of a plain loop.

In the product's environment those of plain torch are tested; all of them are where the libraries are:

    .venv-peers/bin/python -m pytest --noconftest -q tests/benchmarks/peers

Without the conftest files, which need what only the product's environment has.
"""

import re
import sys
from functools import cache
from importlib import import_module, metadata
from pathlib import Path

import pytest
import torch

from benchmarks.case import Built
from benchmarks.peers import _compiled, _loop, _scan, _training

sys.path.insert(0, str(Path(__file__).parent))
import small_peer_case as small

torch.set_num_threads(1)

FOLDER = Path(__file__).parents[3] / "benchmarks" / "peers"
NAMES = sorted(
    file.stem
    for file in FOLDER.glob("*.py")
    if not file.stem.startswith(("_", "ours_")) and re.search(r"^NAME\b", file.read_text(encoding="utf-8"), re.M)
)
KINDS = ("feed-forward", "recurrent", "without readout", "deep")

TOLERANCE = {"fp32": 1e-4, "tf32": 1e-4, "bf16": 0.05}
"""How far gradients may lie off, as a fraction of their length; a CPU makes products in fp32 where TF32 is allowed."""

_SCALED = "its weights are larger by the slope before bf16 rounds them, and so are its membranes"
OTHER_SPIKES = {
    "spyx": "it subtracts, a step later",
    "torch_folded_bf16_membrane": "it rounds membranes",
    "spikingjelly_bf16": _SCALED,
    "spikingjelly_bf16_graph": _SCALED,
}
"""Implementations with another equation, whose activity alone is compared."""


@cache
def build(name: str, kind: str) -> tuple[object, object, Built]:
    """The adapter, the case and what it built, once for all tests; the test is skipped where it cannot run.

    Compilers take seconds, and a step at a rate of 0 changes nothing.
    """
    adapter, case = import_module(f"benchmarks.peers.{name}"), small.case(kind)
    for package in adapter.PACKAGES:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not in this environment")
    reason = adapter.supports(case)
    if reason is not None:
        pytest.skip(f"{name}: {reason}")
    torch.manual_seed(0)
    return adapter, case, adapter.build(case)


@pytest.fixture(autouse=True)
def compile_once(kind, monkeypatch):
    """Compilers of C++ take seconds a kernel: one kind of case goes through torch's, others run the same code as is.

    They unroll the steps that they compile together, so these are few: a case has several such parts, and a rest.
    """
    for module in (_compiled, _scan, _loop):
        monkeypatch.setattr(module, "STEPS", 4)
    # No graph is recorded on a CPU: what would be recorded is run.
    monkeypatch.setattr(_training, "Captured", lambda step, device: step)
    with torch.compiler.set_stance("default" if kind == "feed-forward" else "force_eager"):
        yield


def error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """How far off, as a fraction of the length."""
    assert got.shape == wanted.shape
    return float((got.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
class TestAdapter:
    def test_spikes_as_often_as_the_plain_loop(self, name, kind):
        _, case, built = build(name, kind)
        got = built.activity()
        assert min(case.activity) > 0.02
        # Of neurons with the same equation no spike may differ.
        assert got == pytest.approx(case.activity, rel=0.2 if name in OTHER_SPIKES else 1e-6)

    def test_has_the_plain_loops_loss_and_gradients(self, name, kind):
        adapter, case, built = build(name, kind)
        if name in OTHER_SPIKES:
            pytest.skip(OTHER_SPIKES[name])
        loss, got = built.check()
        wanted_loss, wanted = small.gradients(case)
        tolerance = TOLERANCE[adapter.NUMBER_TYPE]
        assert loss == pytest.approx(wanted_loss, rel=tolerance)
        if name.startswith("norse"):
            if kind == "recurrent":
                pytest.skip("gradients pass its surrogate any number of times")
            wanted = slopes(wanted, case)
        assert len(got) == len(wanted)
        assert max(error(a, b) for a, b in zip(got, wanted, strict=True)) < tolerance

    def test_a_step_leaves_the_weights(self, name, kind):
        _, _, built = build(name, kind)
        built.step()
        before = built.activity()
        built.step()
        assert built.activity() == before


def slopes(gradients: list[torch.Tensor], case) -> list[torch.Tensor]:
    """The gradients as the surrogate without a slope has them: larger by the slope for each layer passed."""
    layers = len(case.weights)
    powers = [case.slope ** (layers - i) for i in range(layers)]
    tail = [1.0] * (len(gradients) - layers)
    return [g * factor for g, factor in zip(gradients, powers + tail, strict=True)]
