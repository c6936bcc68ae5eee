"""spikeloom recipes."""

import pytest
from commands import refused

from spikeloom import cli
from spikeloom.train import measure, recipes


def test_the_table_has_a_line_for_each_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes"]) == 0
    said = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    assert set(recipes.names()) <= set(lines)
    assert lines["randman"][2:6] == ["20-128-64-10", "11,392", "1,800", "20"]
    assert "shd (not here)" in said
    assert measure.MEASURED_ON in said
    assert "…" not in said, "cut off"


def test_measure_prints_a_speed_for_each(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(measure, "measure", lambda config: measure.Measured(123.4, 0.0123))
    assert cli.main(["recipes", "--measure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [[name, "123", "samples/s"] for name in recipes.names()]
    assert lines[2].endswith("on random events")
    assert "--threads: expected at least 1, got 0" in refused(["recipes", "--measure", "--threads", "0"], capsys)
