"""spikeloom bench."""

import pytest

from spikeloom import bench, cli


def test_bench_step_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(bench, "run", lambda *given, **named: calls.append((*given, named)) or 0, raising=False)
    assert cli.main(["bench", "step"]) == 0
    given = [
        "--case",
        "shd",
        "--activity",
        "0.01",
        "--hidden-activity",
        "0.05",
        "--recurrent",
        "--threads",
        "1",
        "--json",
        "--device",
        "cuda:1",
        "--batch",
        "256",
    ]
    assert cli.main(["bench", "step", *given]) == 0
    assert calls == [
        ("nmnist", 0.015, 0.015, False, None, False, {"device": "cpu", "batch": None}),
        ("shd", 0.01, 0.05, True, 1, True, {"device": "cuda:1", "batch": 256}),
    ]
