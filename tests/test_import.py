"""Importing stays light: what compiles, plots, reads or prints comes when it is first needed."""

import subprocess
import sys

import pytest

HEAVY = {
    *("numba", "llvmlite", "triton", "matplotlib", "sklearn", "scipy", "rich"),
    *("h5py", "jinja2", "tensorboard", "tonic", "IPython"),
}


def loaded(script: str) -> set[str]:
    """The modules that a program loads; torch may bring some along, and what it brings is not spikeloom's."""
    program = f"import sys, torch; before = set(sys.modules)\n{script}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "module", ["spikeloom", "spikeloom.nn", "spikeloom.ops", "spikeloom.reference", "spikeloom.train", "spikeloom.data"]
)
def test_import_loads_nothing_heavy(module: str) -> None:
    modules = loaded(f"import {module}")
    assert module in modules
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize("arguments", ["--help", "train --help"])
def test_help_loads_nothing_heavy(arguments: str) -> None:
    call = f"try:\n    spikeloom.cli.main({arguments.split()!r})\nexcept SystemExit as end:\n    assert end.code == 0"
    modules = loaded(f"import spikeloom.cli\n{call}")
    assert "spikeloom.cli" in modules
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize("name", ["train.fit", "show.write", "data.from_tonic"])
def test_a_submodule_comes_when_it_is_asked_for(name: str) -> None:
    assert "spikeloom" in loaded(f"import spikeloom\nassert callable(spikeloom.{name})")


def test_what_is_promised_is_there_and_nothing_else() -> None:
    each = "all(hasattr(module, name) for name in module.__all__)"
    script = f"import spikeloom\nfor module in (spikeloom, spikeloom.data, spikeloom.train):\n    assert {each}"
    assert "spikeloom" in loaded(script + "\n    assert not hasattr(module, 'nothing')")
