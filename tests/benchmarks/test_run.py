"""The command line."""

from pathlib import Path

import pytest
from small_cases import SMALL, here

from benchmarks import cases, implementations, rows, run


def test_the_list_has_all_cases_and_implementations(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert "paper-layers-b/nmnist/2/1.5" in printed
    assert "ours_sparse_bf16" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--case", "nothing"], "CASE: expected a case"),
        (["--peers", "nobody"], "PEERS: expected all, contenders, one of ours_"),
        (["--threads", "0"], "threads: expected from 1 to "),
        (["--rounds", "0"], "rounds: expected at least 1"),
    ],
)
def test_what_there_is_not_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_ours_run_here_and_peers_elsewhere(tmp_path: Path) -> None:
    names = [one.name for one in implementations.every()]
    assert names[0].startswith("ours_")
    assert not any(name.startswith("_") for name in names)
    ours, peer = implementations.select("ours_dense,torch_per_step", tmp_path / "python")
    assert (ours.python, ours.ours) == (here("").python, True)
    assert (peer.python, peer.ours) == (tmp_path / "python", False)


def test_a_run_writes_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cases, "every", lambda: [SMALL])
    peers = ["--peers", "ours_sparse,torch_folded", "--peers-python", str(here("").python)]
    arguments = ["--case", "small", *peers, "--quick", "--out", str(tmp_path / "out"), "--made", str(tmp_path / "made")]
    assert run.main(arguments) == 0
    assert {row["implementation"] for row in rows.read(tmp_path / "out")} == {"ours_sparse", "torch_folded"}
    assert len(list((tmp_path / "made").iterdir())) == 1
    assert "torch_folded" in capsys.readouterr().out
    assert run.main([*arguments, "--skip-done", "--peers", "ours_sparse"]) == 0
    assert len(rows.read(tmp_path / "out")) == 2
