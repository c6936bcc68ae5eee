"""No GPU, or another than was asked for, is said in one line with a remedy."""

from types import SimpleNamespace

import pytest
import torch
from commands import refused

import spikeloom
from spikeloom import InputError
from spikeloom.bench.gpu import device


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "mps"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="device: expected cpu, cuda or cuda:N, N a GPU's number, got '"):
        device.checked(name)


@pytest.mark.parametrize(("built", "got"), [(True, "none"), (False, "torch .*, a build without CUDA")])
def test_no_gpu_is_told(monkeypatch: pytest.MonkeyPatch, built: bool, got: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    with pytest.raises(InputError, match=f"--device cuda: expected a GPU that torch can use, got {got}; see that"):
        device.checked("cuda")


def test_the_number_is_one_of_those_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert [device.checked(name) for name in ("cuda", "cuda:0")] == [torch.device("cuda", 1), torch.device("cuda", 0)]
    with pytest.raises(InputError, match="--device cuda:2: expected a number below 2, the GPUs here, got 2"):
        device.checked("cuda:2")


def test_the_command_line_tells_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = refused(["bench", "step", "--device", "cuda"], capsys)
    assert said.startswith("--device cuda: expected a GPU that torch can use, got ")


def test_facts_name_the_gpu_and_what_drives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    about = SimpleNamespace(name="an abacus", total_memory=10**11, major=9, minor=0, multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda chosen: about)
    facts = device.facts(torch.device("cuda", 0))
    assert (facts["gpu"], facts["memory_bytes"], facts["capability"]) == ("an abacus", 10**11, "9.0")
    assert facts["versions"]["spikeloom"] == spikeloom.__version__
    assert facts["versions"]["torch"] == torch.__version__
