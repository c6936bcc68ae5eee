"""The cap chooses what the reference chooses, to the bit."""

import numba
import numpy as np
import pytest
import torch
from kernels.rasters import plain, raster

from spikeloom.kernels.cpu import bits, cap, workers
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.reference.cap import cap as reference_cap
from spikeloom.reference.cap import capacity

STEPS, BATCH = 13, 11


@numba.njit(**FLAGS)
def capped(counter, spikes, near, limit, seed, kept, dropped):
    keys = np.empty(64 * spikes.shape[0], np.uint64)
    r = bits.take_next(counter)
    while r < len(dropped):
        dropped[r] = cap.cap_row(spikes, near, limit, seed, kept, keys, r)
        r = bits.take_next(counter)


@pytest.mark.parametrize("neurons", [1, 63, 65, 700])
@pytest.mark.parametrize("activity", [0.0, 0.05, 0.4, 1.0])
@pytest.mark.parametrize("max_activity", [0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_keeps_what_the_reference_keeps(neurons: int, activity: float, max_activity: float, seed: int) -> None:
    given = raster(neurons, STEPS * BATCH, activity=activity, seed=neurons)
    kept = np.full(given.near.shape, 2**64 - 1, np.uint64)
    dropped = np.full(STEPS * BATCH, -1, np.int32)
    limit = capacity(max_activity, neurons)
    workers.run(2, capped, given.spikes, given.near, limit, np.uint64(seed), kept, dropped)

    def in_steps(mask: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(mask[:, :neurons].reshape(BATCH, STEPS, neurons).transpose(1, 0, 2).copy())

    fired, inside = in_steps(given.fired), in_steps(given.inside)
    want, lost = reference_cap(fired.float(), inside, max_activity=max_activity, seed=seed)
    assert torch.equal(in_steps(plain(kept)), want)
    assert not plain(kept)[:, neurons:].any(), "no neuron that is not there"
    assert dropped.tolist() == np.maximum(given.inside.sum(1) - limit, 0).tolist()
    assert int(dropped.sum()) == lost
