"""A neuron by its name: one of this package's, or one in a file of the user's own."""

import importlib.util
import inspect
from functools import cache
from pathlib import Path

from spikeloom.checks import InputError, require
from spikeloom.neurons import adlif, alif, cuba_lif, if_, lif, se_adlif
from spikeloom.neurons.neuron import Neuron

KINDS = {
    "if": if_.neuron,
    "lif": lif.neuron,
    "cuba_lif": cuba_lif.neuron,
    "alif": alif.neuron,
    "adlif": adlif.neuron,
    "se_adlif": se_adlif.neuron,
}
"""The spiking neurons that there are, by what a setting calls them."""


def named(name: str, reset: str = "zero") -> Neuron:
    """The neuron that a setting names.

    Args:
        name: one of `KINDS`, or FILE.py:NAME for a `Neuron`, or a function that returns one, in a file.
        reset: what a spike does to the membrane; one of your own has its reset in its step, and takes none.

    Raises:
        InputError: no such neuron or file, or a reset beside one of your own.
    """
    file, _, inside = absolute(name).rpartition(":")
    if file.endswith(".py"):
        wanted, remedy = "zero beside a neuron of your own, whose step has its reset", "leave it out"
        require(reset == "zero", "reset", wanted, repr(reset), remedy)
        return _from_file(Path(file), inside)
    require(name in KINDS, "neuron", f"one of {', '.join(KINDS)}, or FILE.py:NAME", repr(name))
    return KINDS[name](reset)


def absolute(name: str) -> str:
    """The name of a neuron in a file with the whole path of the file; any other name as it is."""
    file, _, inside = name.rpartition(":")
    return f"{Path(file).expanduser().resolve()}:{inside}" if file.endswith(".py") else name


@cache
def _from_file(file: Path, name: str) -> Neuron:
    require(file.is_file(), "neuron", "a file of Python", f"{file}, which is not there")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"neuron: expected a file that can be imported, got {file}: {error!r}") from error
    found = getattr(module, name, None)
    if inspect.isfunction(found):
        try:
            found = found()
        except Exception as error:
            raise InputError(f"{file}: {name}: expected a function that returns a Neuron, got {error!r}") from error
    got = "nothing" if found is None else type(found).__name__
    require(isinstance(found, Neuron), f"{file}: {name}", "a Neuron, or a function that returns one", got)
    assert isinstance(found, Neuron)
    return found
