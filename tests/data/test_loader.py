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
from spikeloom.data.augment import Affine, ChannelShift, EventDrop, Flip, Jitter, TimeJitter, TimeSkew
from spikeloom.data.binning import Binning, encode
from spikeloom.data.events import Events, Sensor
from spikeloom.data.loader import Loader
from spikeloom.data.nmnist import pooled
from spikeloom.data.store import Store
from spikeloom.data.subset import Subset

ALL = (Jitter(1), Flip(), TimeSkew(), TimeJitter(0.5), EventDrop(0.2))


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
@pytest.mark.parametrize("skip", [1, 3])
def test_an_epoch_resumes_where_it_was_left(memory: Any, augment: Any, skip: int) -> None:
    dataset = memory(10)
    loader = make(dataset, augment=augment)
    loader.epoch = 2
    whole, after = epoch(loader), epoch(loader)
    resumed = make(dataset, augment=augment, prefetch=0)
    resumed.epoch, resumed.skip = 2, skip
    assert epoch(resumed) == whole[skip:]
    assert (resumed.epoch, resumed.skip) == (3, 0)
    assert epoch(resumed) == after


@pytest.mark.parametrize("identity", [None, "kept on disk"])
def test_samples_are_read_once(memory: Any, identity: str | None) -> None:
    dataset = memory(10)
    dataset.identity = identity
    loader = make(dataset, augment=ALL)
    assert epoch(loader) != epoch(loader)
    assert dataset.reads == 10
    again = memory(10)
    again.identity = identity
    assert epoch(make(again, augment=ALL)) == epoch(make(dataset, augment=ALL))
    assert again.reads == (10 if identity is None else 0)


def test_parts_of_a_data_set_are_converted_together(memory: Any) -> None:
    dataset = memory(10)
    dataset.identity = "parts"
    first, second = (make(Subset(dataset, part), shuffle=False) for part in ([7, 1, 7], [2]))
    both = epoch(first) + epoch(second)
    assert dataset.reads == 10
    del dataset.identity
    assert both == [*epoch(make(Subset(dataset, [7, 1, 7]), shuffle=False)), *epoch(make(Subset(dataset, [2])))]
    assert dataset.reads == 14


def test_opening_tells_how_far_it_is(memory: Any) -> None:
    told: list[tuple[int, int]] = []
    loader = make(memory(3))
    loader.open(lambda done, all_of_them: told.append((done, all_of_them)))
    loader.open(lambda done, all_of_them: told.append((done, all_of_them)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_waiting_and_work_are_counted_for_each_epoch(memory: Any, prefetch: int) -> None:
    loader = make(memory(200), batch_size=1, augment=ALL, prefetch=prefetch)
    assert (loader.waited_s, loader.busy_s) == (0, 0)
    start = time.perf_counter()
    for _ in loader:
        pass
    took = time.perf_counter() - start
    assert 0 < loader.waited_s <= took
    assert 0 < loader.busy_s <= took
    before = loader.busy_s
    next(batches := iter(loader))
    assert loader.busy_s < before
    batches.close()


def test_memory_is_given_back_and_filled_again(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = memory(40)
    dataset.identity = "given back"
    loader = make(dataset, shuffle=False)
    first = epoch(loader)
    monkeypatch.setattr(loader_module, "RELEASE_BYTES", 1000)
    released: list[int] = []
    monkeypatch.setattr(Store, "release", lambda self, release=Store.release: released.append(release(self)))
    assert epoch(loader) == first
    assert len(released) >= 5


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells what a process has of files")
def test_memory_is_bounded_whatever_the_size_of_the_set(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def resident_of_files() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssFile:"))

    dataset = memory(1)
    one = Events(np.arange(70_000), *(np.zeros(70_000, np.int16) for _ in range(3)))
    dataset.recordings, dataset.labels = [one] * 100, np.zeros(100, np.int64)
    dataset.identity = "42 MB"
    grown = {}
    for release_bytes in (4 << 20, 1 << 40):
        monkeypatch.setattr(loader_module, "RELEASE_BYTES", release_bytes)
        loader = make(dataset)
        loader.open()
        before, most = resident_of_files(), 0
        for _ in loader:
            most = max(most, resident_of_files())
        grown[release_bytes] = most - before
    assert grown[4 << 20] < 16 << 20
    assert grown[1 << 40] > 28 << 20


def test_shifts_off_a_single_row_are_refused(memory: Any) -> None:
    dataset = memory(6)
    dataset.sensor = Sensor(6, 1, 10)
    for events in dataset.recordings:
        events.y[:] = 0
    for along in (ChannelShift(2), Affine(zoom=0.2, shear=0.2)):
        assert len(epoch(make(dataset, augment=along))) == 2
    message = "^augment: expected shifts along the one row of the sensor, got shifts off it; use ChannelShift"
    for off in (Jitter(2), Affine(degrees=1)):
        with pytest.raises(InputError, match=message):
            epoch(make(dataset, augment=off))


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


def test_batches_are_prepared_while_the_caller_is_busy(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[int] = []
    bin_one = Binning.bin

    def counted(self: Binning, *arguments: Any) -> Spikes:
        prepared.append(1)
        return bin_one(self, *arguments)

    monkeypatch.setattr(Binning, "bin", counted)
    batches = iter(make(memory(40), prefetch=2))
    next(batches)
    deadline = time.monotonic() + 10
    while len(prepared) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(prepared) == 3  # the batch in hand and two ahead
    batches.close()


def test_errors_of_recordings_reach_the_caller(memory: Any) -> None:
    dataset = memory(10)
    good = dataset.recordings[6]
    dataset.recordings[6] = Events(good.t_us, good.x + np.int16(6), good.y, good.p)
    with pytest.raises(InputError, match="^sample 6: x: expected 0 to 5, got "):
        next(iter(make(dataset, shuffle=False)))
    assert not loader_threads()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_errors_while_preparing_reach_the_caller(memory: Any, prefetch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = iter(make(memory(40), prefetch=prefetch))
    next(batches)

    def fail(self: Binning, *arguments: Any) -> Spikes:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Binning, "bin", fail)
    with pytest.raises(OSError, match="^the disk is gone"):
        for _ in batches:
            pass
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
        ({"denoise_ms": -1}, "^denoise_ms: expected 0 or above, got -1"),
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


@pytest.mark.parametrize("prefetch", [0, 2])
def test_batches_are_pinned_where_that_is_asked_for(
    memory: Any, monkeypatch: pytest.MonkeyPatch, prefetch: int
) -> None:
    """In the thread that prepares them; pinning itself takes a GPU, and is faked."""
    pinned: list[tuple[str, int]] = []

    def pin(x: torch.Tensor) -> torch.Tensor:
        pinned.append((threading.current_thread().name, x.numel()))
        return x.clone()

    devices: list[tuple[str, int]] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_device", lambda n: devices.append((threading.current_thread().name, n)))
    plain = epoch(make(memory(10), prefetch=prefetch))
    assert pinned == []
    assert epoch(make(memory(10), prefetch=prefetch, pin=True)) == plain
    assert len(pinned) == 3 * 5  # of each batch ids, two tensors by row, activity, labels
    ours = {name.startswith("spikeloom-loader") for name, _ in pinned}
    assert ours == {prefetch > 0}
    # The thread that does it works on the caller's GPU.
    assert [number for _, number in devices] == ([3] if prefetch else [])
    assert all(name.startswith("spikeloom-loader") for name, _ in devices)
