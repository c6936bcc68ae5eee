"""Workers: several callers at once, failures, and life after a fork."""

import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spikeloom.kernels.cpu import rows, workers

SIZE = 50_000


def added(seed: int, threads: int) -> bool:
    """Whether a kernel adds up rightly; numbers are dyadic, so that any order of the sum is right."""
    parts = (np.random.default_rng(seed).integers(-16, 17, (3, SIZE)) / 16).astype(np.float32)
    total = np.full(SIZE, np.nan, np.float32)
    workers.run(threads, rows.add_up, parts, total)
    return np.array_equal(total, parts.sum(0))


def test_kernels_from_several_python_threads_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda seed: added(seed, 1 + seed % 3), range(60)))


def test_every_thread_gets_the_same_counter() -> None:
    callers, counters = set(), set()
    barrier = threading.Barrier(3, timeout=20)

    def kernel(counter: np.ndarray) -> None:
        barrier.wait()
        callers.add(threading.get_ident())
        counters.add(id(counter))

    workers.run(3, kernel)
    assert (len(callers), len(counters)) == (3, 1)
    assert threading.get_ident() in callers


@pytest.mark.parametrize("where", ["worker", "caller"])
def test_failure_reaches_the_caller(where: str) -> None:
    caller = threading.get_ident()
    finished = []

    def kernel(counter: np.ndarray) -> None:
        if (threading.get_ident() == caller) == (where == "caller"):
            raise ValueError(where)
        time.sleep(0.05)
        finished.append(True)

    with pytest.raises(ValueError, match=where):
        workers.run(2, kernel)
    # Nobody works on the caller's arrays once the failure is out.
    assert finished == [True]
    assert added(0, 2), "the workers live on"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_child_runs_kernels() -> None:
    assert added(0, 3), "the parent's workers have started"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on warns of any fork beside threads
        child = os.fork()
    if child == 0:
        os._exit(0 if added(1, 3) else 1)
    for _ in range(400):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
