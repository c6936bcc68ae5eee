"""The command line."""

from pathlib import Path

import pytest
import torch
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
        (["--peers", "torch_expert_graph"], "PEERS: expected all, contenders, one of ours_"),
        (["--device", "gpu"], "device: expected cpu, cuda or cuda:N"),
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


def test_no_gpu_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run.main(["--device", "cuda"]) == 2
    assert "error: --device cuda: expected a GPU that torch can use, got " in capsys.readouterr().err


def test_a_gpu_has_cases_and_implementations_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--list", "--device", "cuda"]) == 0
    printed = capsys.readouterr().out
    assert "gpu-recurrent/16384/1/1" in printed
    assert "torch_expert_bf16_graph" in printed
    assert "paper-layers" not in printed
    cpu, gpu = ({one.name for one in implementations.every(device=kind)} for kind in ("cpu", "cuda:0"))
    assert not any("graph" in name for name in cpu)
    assert gpu >= {"snntorch", "spikingjelly_bf16_graph", "norse_compile", "torch_per_step_compile", "ours_sparse"}
    left = implementations.without_gpu()
    assert set(left) == cpu - gpu == {"brainevent", "jax_scan", "jax_scan_bf16", "spyx"}
    assert all(left.values())


def test_a_gpu_s_usual_peers_are_those_that_promises_name() -> None:
    usual = [one.name for one in implementations.select("usual", device="cuda:0")]
    sweeps = [one.name for one in implementations.select("contenders", device="cuda:0")]
    assert set(sweeps) < set(usual)
    assert {"snntorch", "spikingjelly", "spikingjelly_graph", "norse_compile"} <= set(usual) - set(sweeps)
    assert implementations.select("usual") == implementations.every()


def test_no_case_begins_that_might_not_end_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--case", "ssbp", "--peers", "torch_folded", "--minutes", "1", "--out", str(tmp_path)]
    assert run.main(arguments) == 0
    assert "no time is left for: ssbp/2, ssbp/1, ssbp/5, ssbp/10" in capsys.readouterr().out.replace("\n", " ")
    assert rows.read(tmp_path) == []


def test_a_run_writes_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cases, "every", lambda: [SMALL])
    peers = ["--peers", "ours_sparse,torch_folded", "--peers-python", str(here("").python)]
    arguments = ["--case", "small", *peers, "--quick", "--out", str(tmp_path / "out"), "--made", str(tmp_path / "made")]
    assert run.main(arguments) == 0
    assert {row["implementation"] for row in rows.read(tmp_path / "out")} == {"ours_sparse", "torch_folded"}
    assert {row["device"] for row in rows.read(tmp_path / "out")} == {"cpu"}
    assert len(list((tmp_path / "made").iterdir())) == 1
    assert "torch_folded" in capsys.readouterr().out
    assert run.main([*arguments, "--skip-done", "--peers", "ours_sparse"]) == 0
    assert len(rows.read(tmp_path / "out")) == 2
