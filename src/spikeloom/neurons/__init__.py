"""Neurons, each written once as plain functions that the reference and every kernel run."""

from spikeloom.neurons.neuron import Neuron, named

__all__ = ["Neuron", "named"]
