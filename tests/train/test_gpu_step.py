"""A whole training step where there are no numbers: nothing is read before the one read at its end.

The operators' functions for GPUs run on tensors of torch's device "meta", and launch no kernels: shapes and devices are
those of a GPU, and whoever asks for a number fails.
"""

import contextlib
import io
import sys
from typing import Any

import pytest
import torch
from networks import batch, classifier

from spikeloom.nn import inputs, spiking
from spikeloom.ops import operator
from spikeloom.train import loop, reading
from spikeloom.train.config import TrainingSettings
from spikeloom.train.report import Report
from spikeloom.train.step import Trainer


class Reached(Exception):
    """The read, and what it was asked for."""


@pytest.fixture
def no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators take their functions for GPUs on tensors of "meta"; a read raises."""
    pytest.importorskip("triton", reason="Triton has no wheel for this system")
    import spikeloom.ops.cuda  # noqa: F401 registers what operators do there

    dense = sys.modules["spikeloom.ops.cuda.dense"]
    for name, module in list(sys.modules.items()):
        if name.startswith("spikeloom.kernels.cuda.") and hasattr(module, "launch"):
            monkeypatch.setattr(module, "launch", lambda *arguments, **constants: None)
        for found in list(vars(module).values()) if name.startswith("spikeloom.ops.") else []:
            if isinstance(found, operator.Operator):
                monkeypatch.setitem(found._functions, "meta", found._functions["cuda"])
    # torch has no autocast there.
    monkeypatch.setattr(dense, "torch", _Plain())
    for module in (inputs, spiking):
        monkeypatch.setattr(module, "bf16_wanted", lambda device: False)
    monkeypatch.setattr(operator, "_is_traced", lambda: False)
    monkeypatch.setattr(operator, "_is_plain", lambda value: True)

    def read(tensors: list[torch.Tensor]) -> None:
        assert all(x.device.type == "meta" for x in tensors)
        raise Reached([tuple(x.shape) for x in tensors])

    monkeypatch.setattr(reading, "together", read)


class _Plain:
    """torch without autocast."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def autocast(self, *arguments: Any, **options: Any) -> Any:
        return contextlib.nullcontext()


SETTINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"clip_norm": 1.0}),
    ({}, {"activity_penalty": 1.0, "activity_high": 0.1}),
    ({"readout": "linear"}, {}),
    ({"loss": "per_step", "dropout": 0.1}, {"anneal_window": True}),
    ({"loss": "max_membrane"}, {}),
]


@pytest.mark.usefixtures("no_numbers")
@pytest.mark.parametrize(("network", "training"), SETTINGS)
def test_a_step_on_the_dense_route_reads_nothing_before_its_end(
    network: dict[str, Any], training: dict[str, Any]
) -> None:
    model, (spikes, labels) = classifier(active=None, sparse=False, **network).to("meta"), batch()
    optimizer: Any = torch.optim.SGD(model.network.parameters(), lr=0.1)
    trainer = Trainer(model, optimizer, TrainingSettings(**training), total=10)
    with pytest.raises(Reached) as reached:
        trainer.step(spikes.to("meta"), labels, "step 1")
    [shapes] = reached.value.args
    # How much of the input spiked, the loss, the classes, what tells of gradients and weights, and who spiked.
    assert shapes[:3] == [(), (), (8,)]
    assert shapes[-2:] == [(70,), (30,)]


@pytest.mark.usefixtures("no_numbers")
def test_an_evaluation_reads_nothing_before_its_end() -> None:
    model, (spikes, labels) = classifier(active=None, sparse=False).to("meta"), batch()
    given: Any = [(spikes.to("meta"), labels)]
    with pytest.raises(Reached):
        loop.evaluate(model, given, 1, "test", Report(io.StringIO()))
