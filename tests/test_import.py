"""Importing stays light: what compiles, plots or prints comes when it is first needed."""

import subprocess
import sys

import pytest

HEAVY = ("numba", "llvmlite", "triton", "matplotlib", "sklearn", "rich")


@pytest.mark.parametrize("module", ["spikeloom", "spikeloom.nn", "spikeloom.ops", "spikeloom.reference"])
def test_import_loads_nothing_heavy(module: str) -> None:
    # torch may bring some of it along; what it brings is not spikeloom's.
    script = f"import sys, torch; before = set(sys.modules); import {module}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert module in loaded
    assert loaded.isdisjoint(HEAVY)
