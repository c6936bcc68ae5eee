"""Recordings in three arrays in memory."""

from typing import Any

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.denoise import denoise
from spikeloom.data.events import Events, Sensor
from spikeloom.data.store import open_store, pack
from spikeloom.data.subset import Subset


def test_recordings_lie_one_after_the_other(memory: Any) -> None:
    dataset = memory(5)
    store = open_store(dataset)
    assert (len(store), store.t_us.dtype, store.ids.dtype, store.bytes_per_event) == (5, np.int32, np.uint16, 6)
    for i, events in enumerate(dataset.recordings):
        mine = slice(store.start[i], store.start[i + 1])
        assert store.t_us[mine].tolist() == events.t_us.tolist()
        assert store.ids[mine].tolist() == events.ids(dataset.sensor).tolist()
    assert store.start[-1] == len(store.ids) == store.events(np.arange(5))


def test_a_part_reads_no_more_than_it_needs(memory: Any) -> None:
    dataset = memory(5)
    store = open_store(Subset(dataset, [3, 1]))
    assert dataset.reads == 2
    assert store.events(np.array([0])) == len(dataset.recordings[3])
    assert store.part(np.array([1])).events(np.array([0])) == len(dataset.recordings[1])


def test_arrays_cannot_be_written(memory: Any) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_store(memory(1)).ids[0] = 1


def one_event(t_us: int, x: int) -> Events:
    return Events(np.array([t_us]), *(np.array([value], np.int16) for value in (x, 0, 0)))


def test_long_recordings_and_large_sensors_get_wider_numbers() -> None:
    store = pack([one_event(0, 3), one_event(1 << 31, 30_000)], Sensor(32_767, 3, 1))
    assert (store.t_us.dtype, store.ids.dtype) == (np.int64, np.int32)
    assert (store.t_us.tolist(), store.ids.tolist()) == ([0, 1 << 31], [3, 30_000])
    store = pack([one_event((1 << 31) - 1, 3)], Sensor(256, 256, 1))
    assert (store.t_us.dtype, store.ids.dtype) == (np.int32, np.uint16)


def test_noise_is_left_out(memory: Any) -> None:
    dataset = memory(4)
    store = open_store(dataset, denoise_ms=0.2)
    want = [denoise(events, dataset.sensor, 0.2).t_us.tolist() for events in dataset.recordings]
    got = [store.t_us[store.start[i] : store.start[i + 1]].tolist() for i in range(4)]
    assert got == want
    assert 0 < len(store.ids) < sum(map(len, dataset.recordings))


def test_errors_name_what_is_wrong(memory: Any) -> None:
    with pytest.raises(InputError, match="^recordings: expected at least one, got none"):
        pack([], Sensor(4, 1, 1))
    with pytest.raises(InputError, match="^recording 1: x: expected 0 to 3, got 4"):
        pack([one_event(0, 3), one_event(0, 4)], Sensor(4, 1, 1))
    with pytest.raises(InputError, match="^denoise_ms: expected milliseconds, 0 or above, got -1"):
        open_store(memory(1), denoise_ms=-1)
