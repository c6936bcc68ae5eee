"""The benchmark lies beside the tests, and is no part of the package."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]


@pytest.fixture(scope="session")
def case_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small feed-forward case whose layers spike at 10 %."""
    from small_cases import SMALL

    from benchmarks import cases

    return cases.made(SMALL, tmp_path_factory.mktemp("made"))
