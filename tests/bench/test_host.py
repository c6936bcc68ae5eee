"""The machine, and threads that flush denormal numbers."""

import pytest
import torch

from spikeloom.bench import host


@pytest.mark.parametrize("threads", [1, 2])
def test_denormals_are_flushed_in_every_thread(threads: int) -> None:
    before, used = host.flushes_denormals(), torch.get_num_threads()
    if not torch.set_flush_denormal(before):
        pytest.skip("torch cannot flush denormal numbers on this processor")
    assert host.call_flushed(threads, lambda: (host.flushes_denormals(), torch.get_num_threads())) == (True, threads)
    assert (host.flushes_denormals(), torch.get_num_threads()) == (before, used)


def test_errors_come_through() -> None:
    def fail() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        host.call_flushed(1, fail)


def test_caches_grow_with_their_level() -> None:
    sizes = [size for size in map(host.cache_bytes, (1, 2, 3)) if size is not None]
    assert sizes == sorted(sizes)
    assert all(size >= 1 << 13 for size in sizes)
    assert host.cache_bytes(9) is None


def test_the_machine_has_a_name_and_cores() -> None:
    assert host.processor()
    assert host.cores() >= 1
