"""Matrix units switched off: only where the switch is seen to act, and for all children."""

import sys
from pathlib import Path

import pytest
from small_cases import here

from benchmarks import amx, measure
from benchmarks.measure import Effort
from spikeloom import InputError

PYTHON = Path(sys.executable)


def takes(monkeypatch: pytest.MonkeyPatch, free_ms: float, held_ms: float) -> None:
    monkeypatch.setattr(amx, "present", lambda: True)
    monkeypatch.setattr(amx, "_product_ms", lambda python, environment: held_ms if environment else free_ms)


def test_a_switch_that_acts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, 1.0, 8.0)
    assert amx.check_switch([PYTHON, PYTHON]) == {PYTHON: (1.0, 8.0)}


def test_a_switch_that_does_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, 1.0, 1.1)
    with pytest.raises(InputError, match="1.5 times as slow without matrix units, got 1.00 ms with and 1.10 ms"):
        amx.check_switch([PYTHON])


def test_a_processor_without_matrix_units_needs_no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amx, "present", lambda: False)
    with pytest.raises(InputError, match="no-amx: expected a processor with matrix units"):
        amx.check_switch([PYTHON])


def test_a_python_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amx, "present", lambda: True)
    with pytest.raises(InputError, match="a Python with torch at nowhere/python"):
        amx.check_switch([Path("nowhere/python")])


@pytest.mark.skipif(not amx.present(), reason="the processor has no matrix units")
def test_torch_obeys() -> None:
    ((free, held),) = amx.check_switch([PYTHON]).values()
    assert held > amx.SLOWER * free > 0


def test_children_are_told_and_jax_in_bf16_is_left_out(case_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    class Told(measure.Child):
        def __init__(self, *arguments: object) -> None:
            given.append(arguments[3])
            super().__init__(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(measure, "Child", Told)
    monkeypatch.setattr(amx, "unproven", lambda number_type, version: "torch" in version and number_type == "fp32")
    short = Effort(rounds=1, turn_s=0.01)
    found, left_out = measure.measure(
        case_file, [here("torch_folded")], stated=0.1, threads=1, effort=short, tell=lambda what: None, no_amx=True
    )
    assert (given, found, left_out) == ([amx.ENVIRONMENT], {}, {"torch_folded": amx.UNPROVEN})


@pytest.mark.parametrize(
    ("number_type", "version", "unproven"),
    [
        ("bf16", "jax 0.10.2, jaxlib 0.10.2, optax 0.2.6", True),
        ("fp32", "jax 0.10.2, jaxlib 0.10.2, optax 0.2.6", False),
        ("bf16", "torch 2.13.0", False),
    ],
)
def test_xla_s_bf16_products_alone_are_unproven(number_type: str, version: str, unproven: bool) -> None:
    assert amx.unproven(number_type, version) is unproven
