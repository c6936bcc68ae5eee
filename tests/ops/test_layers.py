"""Feed-forward and recurrent layers against the reference: every neuron, width and route, the cap, and odd sizes."""

import pytest
import torch
from adaptive import ADAPTIVE
from engine import ROUTES, assert_layer_as_good_as, run_operators
from oracle import all_surrogates, random_case, spiking_neurons

from spikeloom import ops, reference
from spikeloom.neurons import Neuron
from spikeloom.surrogates import Surrogate

every_neuron = pytest.mark.parametrize("neuron", [*spiking_neurons(), ADAPTIVE], ids=lambda n: n.name)
both_routes = pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
both_layers = pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])


@every_neuron
@both_layers
@both_routes
@pytest.mark.usefixtures("lanes")
def test_layer_is_as_good_as_the_reference(neuron: Neuron, recurrent: bool, sparse: bool) -> None:
    for bias, per_neuron in ((False, False), (True, True)):
        case = random_case(neuron=neuron, recurrent=recurrent, bias=bias, per_neuron=per_neuron)
        got = run_operators(case, sparse=sparse)
        assert 0.01 < got["spikes"].mean() < 0.4
        assert_layer_as_good_as(got, case)
