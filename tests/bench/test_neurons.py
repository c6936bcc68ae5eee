"""spikeloom bench neurons: what it measures is measured on equal terms."""

import json

import pytest

from spikeloom import InputError
from spikeloom.bench import neurons
from spikeloom.bench.cases import CASES, Case
from spikeloom.neurons import KINDS


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "nmnist", Case("nmnist", inputs=80, steps=10, classes=2))
    monkeypatch.setattr(neurons, "NEURONS", {False: 64, True: 64})
    monkeypatch.setattr(neurons, "ROUNDS", 1)


def test_every_neuron_is_measured_at_the_same_activity(capsys: pytest.CaptureFixture[str]) -> None:
    assert neurons.run("nmnist", 0.05, False, 1, True) == 0
    costs = {cost["neuron"]: cost for cost in json.loads(capsys.readouterr().out)["costs"]}
    assert set(KINDS) < set(costs)
    assert next(iter(costs)) == "lif"
    assert costs["lif"]["ratio"] == 1.0
    for cost in costs.values():
        assert cost["activity"] == pytest.approx(0.05, rel=0.15)
        assert min(cost["ms"], cost["first_s"], cost["ratio"]) > 0
    assert costs["se_adlif"]["keeps"] == []
    assert costs["lif, learning beta"]["keeps"] == ["membrane"]


def test_a_table_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    costs = [neurons.Cost(name, 1.0, 0.05, 2.0, 1.25, ("membrane",)) for name in KINDS]
    neurons._print(costs, "80-64", 1)
    out = capsys.readouterr().out
    assert all(name in out for name in (*KINDS, "of LIF's", "1.25", "5.00%"))


def test_numbers_out_of_range() -> None:
    with pytest.raises(InputError, match="activity: expected a number above 0 and below 1, got 2"):
        neurons.run("nmnist", 2, False, 1, True)
    with pytest.raises(InputError, match="threads: expected at least 1, got 0"):
        neurons.run("nmnist", 0.1, False, 0, True)
