"""What holds for all tests of operators: fresh memory is poisoned, and the neuron with two states can be named."""

import sys
from types import SimpleNamespace

import pytest
from adaptive import ADAPTIVE
from engine import lanes, poisoned  # noqa: F401 fixtures


@pytest.fixture(autouse=True)
def _poisoned(poisoned: None) -> None:  # noqa: F811
    pass


@pytest.fixture(autouse=True)
def _adaptive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators know a neuron by its name, as one of the modules in spikeloom.neurons."""
    monkeypatch.setitem(sys.modules, "spikeloom.neurons.adaptive", SimpleNamespace(neuron=lambda: ADAPTIVE))
