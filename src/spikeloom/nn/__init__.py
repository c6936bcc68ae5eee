"""Layers as `torch.nn.Module`s: they take spikes and a state, and return both."""

from spikeloom.nn import functional, init, losses
from spikeloom.nn.blocked import to_blocks
from spikeloom.nn.li import LI
from spikeloom.nn.lif import LIF
from spikeloom.nn.sequential import Sequential
from spikeloom.nn.state import State, States

__all__ = ["LI", "LIF", "Sequential", "State", "States", "functional", "init", "losses", "to_blocks"]
