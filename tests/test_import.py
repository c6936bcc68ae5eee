"""Importing stays light: what compiles, plots, reads or prints comes when it is first needed."""

import subprocess
import sys

import pytest

HEAVY = {
    *("numba", "llvmlite", "triton", "matplotlib", "sklearn", "scipy", "rich"),
    *("h5py", "jinja2", "tensorboard", "tonic", "IPython"),
}


MODULES = ("spikeloom", "spikeloom.nn", "spikeloom.ops", "spikeloom.reference", "spikeloom.train", "spikeloom.data")


def loaded_by_each(*scripts: str) -> list[set[str]]:
    """The modules that there are after each of some programs, one after the other in one process.

    Torch may bring some along, and what it brings is not spikeloom's.
    """
    shown = "\nprint(*(set(sys.modules) - before))\n"
    program = f"import sys, torch; before = set(sys.modules)\n{shown.join((*scripts, ''))}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()[-len(scripts) :]]


def loaded(script: str) -> set[str]:
    """The modules that a program loads."""
    (modules,) = loaded_by_each(script)
    return modules


def test_imports_load_nothing_heavy() -> None:
    """Each after the others: what one loads on its own is among what is there then."""
    for module, modules in zip(MODULES, loaded_by_each(*(f"import {module}" for module in MODULES)), strict=True):
        assert module in modules
        assert modules.isdisjoint(HEAVY), module


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
