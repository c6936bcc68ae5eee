"""Torch's OpenMP threads are let go before kernels run, and come back when torch needs them."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, torch
from spikeloom.ops import openmp
torch.set_num_threads(2)
big = torch.rand(1_000_000)
count = lambda: len(os.listdir("/proc/self/task"))
before = count(); want = (big * 2).sum(); made = count()
openmp.release()
for _ in range(100):
    if count() == before: break
    __import__("time").sleep(0.01)
print(made - before, count() - before, bool((big * 2).sum() == want))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_threads_end_and_torch_works_on() -> None:
    shown = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["1", "0", "True"]
