"""What is said of a machine, and that one which tells little is no error."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_gpu import TOO_OLD, answer

from spikeloom import info
from spikeloom.data import converted


def test_caches_have_units() -> None:
    assert info._in_words(48 << 10) == "48 KiB"
    assert info._in_words(2 << 20) == "2 MiB"
    assert info._in_words(None) == "unknown"


def test_a_machine_that_tells_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise FileNotFoundError("sysctl")

    monkeypatch.setattr(info, "cache_bytes", lambda level: None)
    monkeypatch.setattr(info, "processor", lambda: "")
    monkeypatch.setattr(info.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "nothing"))
    facts = dict(info.facts())
    assert facts["processor"] == facts["cache L1"] == facts["cache L3"] == "unknown"
    assert facts["kernels"].startswith("none compiled yet")


def test_a_mac_is_asked_for_its_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"hw.l1dcachesize": "65536", "hw.l2cachesize": "4194304", "machdep.cpu.brand_string": "Apple M9"}
    monkeypatch.setattr(info, "cache_bytes", lambda level: None)
    monkeypatch.setattr(info, "_sysctl", lambda name: answers.get(name, ""))
    facts = dict(info.facts())
    assert (facts["processor"], facts["cache L1"], facts["cache L2"]) == ("Apple M9", "64 KiB", "4 MiB")
    assert facts["cache L3"] == "unknown"


def test_compiled_kernels_are_counted_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("scan.forward-0a", "scan.forward-0b", "readout.forward-0c"):
        (tmp_path / f"{name}.bin").touch()
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path))
    assert dict(info.facts())["kernels"] == "readout.forward, scan.forward (2)"


def test_the_size_of_converted_sets_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(converted, "places", SimpleNamespace(converted=lambda: tmp_path))
    assert dict(info.facts())["converted sets"].startswith("none yet")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "ids.bin").write_bytes(bytes(5 << 20))
    assert dict(info.facts())["converted sets"].startswith("5 MiB in ")


def test_extras_that_are_not_installed_are_said() -> None:
    assert info._version("a-package-that-nobody-has") == "not installed"
    assert {"h5py", "tensorboard", "tonic"} <= dict(info.facts()).keys()


def test_gpus_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, count=2, capability=(9, 0))
    monkeypatch.setattr(subprocess, "run", lambda *call, **options: SimpleNamespace(stdout="570.86.15\n570.86.15\n"))
    facts = dict(info.facts())
    assert facts["GPU cuda:0"] == "GPU 0, 80.0 GiB, compute capability 9.0, driver 570.86.15"
    assert facts["GPU cuda:1"].startswith("GPU 1, ")


def test_a_gpu_without_kernels_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise FileNotFoundError("nvidia-smi")

    answer(monkeypatch, capability=(7, 0))
    monkeypatch.setattr(subprocess, "run", refuse)
    told = dict(info.facts())["GPU cuda:0"]
    assert told == (
        "GPU 0, 80.0 GiB, compute capability 7.0, driver unknown; "
        "no kernel for this architecture: compute capability 7.0, below 8.0"
    )


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"built": False}, "a build of torch without CUDA"),
        ({"refusal": RuntimeError("No CUDA GPUs are available")}, "none"),
        ({"refusal": RuntimeError(TOO_OLD)}, "an NVIDIA driver of CUDA 11.4, too old for torch "),
    ],
)
def test_why_there_is_no_gpu_is_told(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], why: str) -> None:
    answer(monkeypatch, **answers)
    assert dict(info.facts())["GPU"].startswith(f"none that torch can use: {why}")
