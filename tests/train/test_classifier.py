"""The network of a run: what its settings make, and what it shows of its layers."""

import pytest
from networks import classifier

from spikeloom import InputError


@pytest.mark.parametrize("readout", ["li", "spikes"])
def test_dropout_is_for_what_hears_hidden_neurons(readout: str) -> None:
    layers = classifier(active=None, dropout=0.3, readout=readout).network
    assert [layer.dropout for layer in layers] == [0.0, 0.3, 0.3]
    assert [layer.dropout for layer in classifier(active=None, hidden=(), dropout=0.3, readout=readout).network] == [0]


def test_a_linear_readout_has_no_dropout() -> None:
    with pytest.raises(InputError, match="dropout: expected 0 beside readout=linear, got 0.3; set readout=li"):
        classifier(active=None, dropout=0.3, readout="linear")
