"""spikeloom info."""

import pytest

from spikeloom import cli


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    shown = capsys.readouterr().out
    for name in ("spikeloom", "torch", "processor", "vector width", "threads", "cache L2", "kernels"):
        assert f"\n{name} " in "\n" + shown
    assert "\nGPU " in shown
