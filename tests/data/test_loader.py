"""The loader: what it yields, that it can be repeated, and how it ends."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracle import assert_well_formed

from spikeloom import InputError, Spikes
from spikeloom.data import loader as loader_module
from spikeloom.data.augment import EventDrop, Jitter, TimeSkew
from spikeloom.data.binning import Binning, encode
from spikeloom.data.events import Events
from spikeloom.data.loader import Loader
from spikeloom.data.nmnist import pooled

ALL = (Jitter(1), TimeSkew(), EventDrop(0.2))


def make(dataset: Any, **changed: Any) -> Loader:
    settings = {"batch_size": 4, "dt_ms": 1.0, "steps": 25, "shuffle": True, "seed": 0} | changed
    return Loader(dataset, **settings)


def epoch(loader: Loader) -> list[tuple[list[int], list[int], list[int]]]:
    return [(spikes.ids.tolist(), spikes.spike_count.tolist(), labels.tolist()) for spikes, labels in loader]


def loader_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("spikeloom-loader")]


def test_batches_hold_the_binned_recordings_in_order(memory: Any) -> None:
    dataset = memory(10)
    loader = make(dataset, shuffle=False)
    batches = list(loader)
    assert [spikes.batch for spikes, _ in batches] == [4, 4, 2]
    assert (len(loader), loader.neurons) == (3, 60)
    for start, (spikes, labels) in zip((0, 4, 8), batches, strict=True):
        assert_well_formed(spikes)
        want = encode(dataset.recordings[start : start + 4], Binning(dataset.sensor, 1.0, 25))
        assert torch.equal(spikes.dense(), want.dense())
        assert labels.dtype == torch.int64
        assert labels.tolist() == dataset.labels[start : start + 4].tolist()


def test_the_last_batch_may_be_dropped(memory: Any) -> None:
    loader = make(memory(10), drop_last=True)
    assert [spikes.batch for spikes, _ in loader] == [4, 4]
    assert len(loader) == 2


def test_shuffling_reorders_every_epoch_and_loses_nothing(memory: Any) -> None:
    dataset = memory(10)
    loader = make(dataset, batch_size=1)
    epochs = [epoch(loader) for _ in range(3)]
    in_order = epoch(make(dataset, batch_size=1, shuffle=False))
    assert loader.epoch == 3
    assert all(sorted(one) == sorted(in_order) for one in epochs)
    assert len({str(one) for one in [*epochs, in_order]}) == 4


@pytest.mark.parametrize("augment", [None, Jitter(1), ALL])
def test_batches_depend_on_seed_and_epoch_alone(memory: Any, augment: Any) -> None:
    ahead, slow, other = (make(memory(10), augment=augment, prefetch=p, seed=s) for p, s in ((3, 5), (0, 5), (0, 6)))
    first, second = epoch(ahead), epoch(ahead)
    assert first != second
    slow.epoch = 1
    assert epoch(slow) == second
    slow.epoch = 0
    assert epoch(slow) == first
    assert epoch(other) != first


def test_augmentation_differs_between_samples_and_epochs(memory: Any) -> None:
    dataset = memory(1)
    dataset.recordings, dataset.labels = dataset.recordings * 6, np.zeros(6, np.int64)
    loader = make(dataset, batch_size=1, augment=TimeSkew(0.5, 1.5), shuffle=False)
    seen = {str(ids) + str(counts) for ids, counts, _ in epoch(loader) + epoch(loader)}
    assert len(seen) == 12


def test_a_crop_and_a_shift_act_together(memory: Any) -> None:
    loader = make(memory(3), crop=(4, 3), augment=Jitter(2))
    assert loader.neurons == 24
    for spikes, _ in loader:
        assert_well_formed(spikes)


@pytest.mark.parametrize("augment", [None, ALL])
def test_samples_are_read_once_if_memory_allows(memory: Any, augment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, tight = memory(10), memory(10)
    loader = make(dataset, augment=augment)
    first = epoch(loader), epoch(loader)
    assert dataset.reads == 10
    monkeypatch.setattr(loader_module, "CACHE_BYTES", 1500)
    loader = make(tight, augment=augment)
    assert (epoch(loader), epoch(loader)) == first
    assert 10 < tight.reads < 20


def test_stopping_early_ends_the_thread_and_not_the_epoch(memory: Any) -> None:
    loader = make(memory(40))
    batches = iter(loader)
    early = next(batches)[1].tolist()
    assert loader_threads()
    batches.close()
    assert not loader_threads()
    for _, labels in loader:
        assert labels.tolist() == early
        break
    assert not loader_threads()
    assert loader.epoch == 0


def test_batches_are_prepared_while_the_caller_is_busy(memory: Any) -> None:
    dataset = memory(40)
    batches = iter(make(dataset, prefetch=2))
    next(batches)
    deadline = time.monotonic() + 10
    while dataset.reads < 12 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert dataset.reads == 12  # the batch in hand and two ahead


@pytest.mark.parametrize("prefetch", [0, 2])
def test_errors_while_preparing_reach_the_caller(memory: Any, prefetch: int) -> None:
    dataset = memory(10)
    good = dataset.recordings[6]
    dataset.recordings[6] = Events(good.t_us, good.x + np.int16(6), good.y, good.p)
    batches = iter(make(dataset, shuffle=False, prefetch=prefetch))
    next(batches)
    with pytest.raises(InputError, match="^sample 6: x: expected 0 to 5, got "):
        next(batches)
    assert not loader_threads()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process alone on Windows")
def test_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    script = tmp_path / "wait.py"
    script.write_text(
        "import sys, time, numpy as np\n"
        "from spikeloom.data.events import Events, Sensor\n"
        "from spikeloom.data.loader import Loader\n"
        "class Slow:\n"
        "    sensor, classes, labels = Sensor(1, 1), 1, np.zeros(50, int)\n"
        "    def __len__(self): return 50\n"
        "    def __getitem__(self, i):\n"
        "        print('reading', flush=True); time.sleep(0.2)\n"
        "        return Events(*(np.zeros(1, int),) * 4), 0\n"
        "for _ in Loader(Slow(), batch_size=1, dt_ms=1, steps=1, shuffle=False, seed=0): pass\n"
    )
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert output.count("reading") < 10  # of 50
    assert process.returncode != 0


def test_a_loader_works_on_real_recordings(nmnist_small: Path) -> None:
    loader = make(pooled(nmnist_small), batch_size=32, steps=300)
    spikes: Spikes
    for spikes, labels in itertools.islice(loader, 2):
        assert_well_formed(spikes)
        assert (spikes.steps, spikes.batch, spikes.neurons) == (300, 32, 2312)
        assert spikes.activity == pytest.approx(0.0059, rel=0.15)
        assert set(labels.tolist()) <= set(range(10))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 0}, "^batch_size: expected 1 or above, got 0"),
        ({"seed": -1}, "^seed: expected 0 or above, got -1"),
        ({"prefetch": -1}, "^prefetch: expected 0 or above, got -1"),
        ({"batch_size": 11, "drop_last": True}, "^batch_size: expected at most 10, .*, got 11; or keep the last"),
        ({"dt_ms": -1.0}, "^dt_ms: "),
        ({"crop": (99, 1)}, "^crop: "),
    ],
)
def test_settings_are_checked(memory: Any, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(memory(10), **changed)


def test_labels_are_checked(memory: Any) -> None:
    dataset = memory(10)
    dataset.labels[4] = 3
    with pytest.raises(InputError, match="^labels: expected integers from 0 to 2, got 3 at sample 4"):
        make(dataset)
    dataset.labels = dataset.labels[:9]
    with pytest.raises(InputError, match="^labels: expected 10, one per sample, got 9"):
        make(dataset)
    with pytest.raises(InputError, match="^dataset: expected at least one sample, got none"):
        make(memory(0))
