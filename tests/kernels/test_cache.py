"""Compiled kernels on disk: found by the next process, missed after an edit, never trusted when damaged."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spikeloom
from spikeloom.kernels.cpu import rows, workers
from spikeloom.kernels.cpu.compile import kernel

# Adds up with a kernel of the package: prints the sum, then how many kernels were found and how many were compiled.
ADD_UP = """
import numpy as np
from spikeloom.kernels.cpu import rows, workers

total = np.empty(9, np.float32)
workers.run(1, rows.add_up, np.full((3, 9), 2, np.float32), total)
stats = rows.add_up.stats
print(total.sum(), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""

# A neuron in a file of its own, and a kernel that runs its step.
NEURON = """
from spikeloom.neurons import Neuron

def step(state, spike, current, p):
    # The membrane is halved.
    return (state[0] * 0.5 + current,), state[0]

NEURON = Neuron("mine", step, states=("membrane",), parameters=())
"""
KERNEL = """
from spikeloom.kernels.cpu.compile import kernel
from spikeloom.kernels.cpu.neuron import load_states, step, store_blocks
from spikeloom.kernels.cpu.simd import full

@kernel
def once(counter, width, neuron, states):
    before = load_states(width, neuron, states, 0, 64)
    after, margin = step(neuron, before, full(width, 0.0), full(width, 1.0), ())
    store_blocks(states, 0, 64, after)
"""
RUN_NEURON = """
import numpy as np
from my_kernel import once
from my_neuron import NEURON
from spikeloom.kernels.cpu import simd, workers
from spikeloom.neurons import equations

states = np.full(64, 4, np.float32)
workers.run(1, once, simd.host_width(), equations(NEURON), states)
print(states.mean(), sum(once.stats.cache_hits.values()), sum(once.stats.cache_misses.values()))
"""
FOUND, COMPILED = (1, 0), (0, 1)


def start(script: str, folder: Path, cache: Path) -> subprocess.Popen[str]:
    """Run a script in a new process, with modules from `folder` and kernels in `cache`."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {"SPIKELOOM_CACHE": str(cache), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[float, tuple[int, int]]:
    """What the script computed, and how many kernels it found and compiled."""
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    result, found, compiled = out.split()
    return float(result), (int(found), int(compiled))


def run(script: str, folder: Path, cache: Path) -> tuple[float, tuple[int, int]]:
    return finish(start(script, folder, cache))


def kept(cache: Path) -> dict[str, int]:
    """The files of the cache, with when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}


def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "in a folder that is not there"
    assert run(ADD_UP, tmp_path, cache) == (54, COMPILED)
    before = kept(cache)
    assert len(before) == 1
    assert run(ADD_UP, tmp_path, cache) == (54, FOUND)
    assert kept(cache) == before


def test_edited_step_is_compiled_again_and_an_edited_comment_is_not(tmp_path: Path) -> None:
    cache, neuron = tmp_path / "cache", tmp_path / "my_neuron.py"
    (tmp_path / "my_kernel.py").write_text(KERNEL)
    neuron.write_text(NEURON)
    assert run(RUN_NEURON, tmp_path, cache) == (3, COMPILED)
    assert run(RUN_NEURON, tmp_path, cache) == (3, FOUND)
    neuron.write_text(NEURON.replace("is halved", "shrinks by a half, each step"))
    assert run(RUN_NEURON, tmp_path, cache) == (3, FOUND)
    neuron.write_text(NEURON.replace("0.5", "2.0"))  # no other length, and maybe no other time of writing
    assert run(RUN_NEURON, tmp_path, cache) == (9, COMPILED)
    assert len(kept(cache)) == 2


def test_edited_package_is_compiled_again(tmp_path: Path) -> None:
    """An edit in a file whose functions a kernel calls is seen, not only one in the kernel's own."""
    cache, package = tmp_path / "cache", tmp_path / "spikeloom"
    shutil.copytree(Path(spikeloom.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(ADD_UP, tmp_path, cache) == (54, COMPILED)
    with (package / "kernels" / "cpu" / "simd.py").open("a") as file:
        file.write("# an edit\n")
    assert run(ADD_UP, tmp_path, cache) == (54, COMPILED)


def add_up_anew() -> tuple[float, tuple[int, int]]:
    """What `ADD_UP` does, with a dispatcher that, as in a new process, has compiled nothing yet."""
    dispatcher = kernel(rows.add_up.py_func)
    total = np.empty(9, np.float32)
    workers.run(1, dispatcher, np.full((3, 9), 2, np.float32), total)
    stats = dispatcher.stats
    return float(total.sum()), (sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))


DAMAGE = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "last_byte_missing": lambda content: content[:-1],
    "one_bit_flipped": lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
    "something_else": lambda content: b"not a kernel" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_file_is_compiled_again_and_replaced(damage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path))
    assert add_up_anew() == (54, COMPILED)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert add_up_anew() == (54, COMPILED)
    assert list(kept(tmp_path)) == [path.name]
    assert add_up_anew() == (54, FOUND)


@pytest.mark.parametrize("below", ["", "folder"], ids=["is_a_file", "below_a_file"])
def test_unwritable_folder_means_compiling_each_time(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions would not do: they do not bind the superuser, whom containers often run as.
    occupied = tmp_path / "occupied"
    occupied.write_text("a file, where a folder should be")
    monkeypatch.setenv("SPIKELOOM_CACHE", str(occupied / below))
    for _ in range(2):
        assert add_up_anew() == (54, COMPILED)


def test_what_cannot_be_finished_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        raise PermissionError("in use by another process")

    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "replace", fail)
    assert add_up_anew() == (54, COMPILED)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_that_compile_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    both = [start(ADD_UP, tmp_path, cache) for _ in range(2)]
    assert [finish(process)[0] for process in both] == [54, 54]
    assert len(kept(cache)) == 1, "no file is left half written"
    assert run(ADD_UP, tmp_path, cache) == (54, FOUND)
