"""A neuron by its name: those that there are, and those in a file of the user's own."""

from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.neurons import KINDS, Neuron, named
from spikeloom.neurons.resets import RESETS

FILE = """
from spikeloom.neurons import Neuron, Parameter, lif

def step(state, spike, current, p):
    return (state[0] + current,), state[0] - 1.0

MINE = Neuron("mine", step, ("membrane",), ())
NUMBER = 3

def made():
    return MINE

def wrong():
    return "a neuron"

def wanting(argument):
    return MINE
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my neurons.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_reset(kind: str, reset: str) -> None:
    neuron = named(kind, reset)
    assert neuron is KINDS[kind](reset)
    assert neuron.name.replace("-", "").lower() == f"{kind.replace('_', '')}.{reset}"


def test_names_stand_for_neurons_of_their_own() -> None:
    assert len({named(kind, reset).name for kind in KINDS for reset in RESETS}) == len(KINDS) * len(RESETS)


@pytest.mark.parametrize("name", ["MINE", "made"])
def test_one_of_your_own(file: Path, name: str) -> None:
    neuron = named(f"{file}:{name}")
    assert isinstance(neuron, Neuron)
    assert neuron.name == "mine"
    assert named(f"{file}:{name}") is neuron, "the file is run once"


def test_a_file_beside_the_user(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert named("my neurons.py:MINE").name == "mine"
    monkeypatch.setenv("HOME", str(file.parent))
    assert named("~/my neurons.py:MINE").name == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("izhikevich", "neuron: expected one of if, lif, .*, or FILE.py:NAME, got 'izhikevich'"),
        ("LIF", "neuron: expected one of if, lif, .*, got 'LIF'"),
        ("neurons.txt:MINE", "neuron: expected one of if, lif, .*, or FILE.py:NAME, got 'neurons.txt:MINE'"),
        ("nowhere.py:MINE", "neuron: expected a file of Python, got .*nowhere.py, which is not there"),
    ],
)
def test_no_such_neuron_or_file(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        named(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NOTHING", "NOTHING: expected a Neuron, or a function that returns one, got nothing"),
        ("NUMBER", "NUMBER: expected a Neuron, or a function that returns one, got int"),
        ("wrong", "wrong: expected a Neuron, or a function that returns one, got str"),
        ("Neuron", "Neuron: expected a Neuron, or a function that returns one, got type"),
        ("wanting", "wanting: expected a function that returns a Neuron, got TypeError.*argument"),
        ("", "expected a Neuron, or a function that returns one, got nothing"),
    ],
)
def test_what_a_file_does_not_have(file: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        named(f"{file}:{name}")


@pytest.mark.parametrize("text", ["import nothing_of_that_name", "def (", "raise SystemError('no')"])
def test_a_file_that_cannot_be_run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(InputError, match="neuron: expected a file that can be imported, got .*broken.py: "):
        named(f"{path}:MINE")


def test_a_reset_that_is_not_there() -> None:
    with pytest.raises(InputError, match="reset: expected one of zero, subtract, none, got 'soft'"):
        named("lif", "soft")


def test_a_neuron_of_ones_own_takes_no_reset(file: Path) -> None:
    with pytest.raises(InputError, match="reset: expected zero beside a neuron of your own, .*, got 'subtract'"):
        named(f"{file}:MINE", "subtract")
