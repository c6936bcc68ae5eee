"""What a GPU must be, said in one line where it is not; torch's answers are faked."""

from typing import Any

import pytest
import torch
from fake_gpu import GIB, TOO_OLD, answer

from spikeloom import InputError, gpu


def test_the_cpu_is_always_usable() -> None:
    assert gpu.usable("cpu") == torch.device("cpu")


@pytest.mark.parametrize(("device", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_a_gpu_is_named_with_its_number(monkeypatch: pytest.MonkeyPatch, device: str, index: int) -> None:
    answer(monkeypatch, count=2)
    assert gpu.usable(device) == torch.device("cuda", index)


def test_gpus_are_listed_with_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, count=2, capability=(8, 6))
    assert gpu.gpus() == [gpu.Gpu(0, "GPU 0", 80 * GIB, (8, 6)), gpu.Gpu(1, "GPU 1", 80 * GIB, (8, 6))]


@pytest.mark.parametrize(
    ("answers", "device", "message"),
    [
        (
            {"built": False},
            "cuda",
            "--device cuda: expected a GPU that torch can use, got a build of torch without CUDA; "
            "install one for CUDA, as pytorch.org says, or take --device cpu",
        ),
        ({"cuda": None}, "cuda", "--device cuda: expected a GPU .*, got a build of torch for AMD's GPUs"),
        (
            {"refusal": RuntimeError("Found no NVIDIA driver on your system. Please check that you have")},
            "cuda",
            "--device cuda: expected a GPU that torch can use, got no NVIDIA driver; install NVIDIA's driver, or take",
        ),
        (
            {"refusal": RuntimeError(TOO_OLD), "cuda": "13.0"},
            "cuda",
            r"--device cuda: expected a GPU .*, got an NVIDIA driver of CUDA 11\.4, too old for torch .*, which is for "
            r"CUDA 13\.0; update the driver, install a torch for its CUDA, or take --device cpu",
        ),
        (
            {"refusal": RuntimeError("No CUDA GPUs are available")},
            "cuda:0",
            "--device cuda:0: expected a GPU that torch can use, got none; see that nvidia-smi lists one, and that "
            "CUDA_VISIBLE_DEVICES does not hide it, or take --device cpu",
        ),
        (
            {"refusal": RuntimeError("CUDA unknown error - this may be due to\nmany reasons")},
            "cuda",
            "--device cuda: expected a GPU that torch can use, got CUDA unknown error - this may be due to; see that",
        ),
        (
            {"count": 2},
            "cuda:2",
            r"--device cuda:2: expected one of cuda:0 \(GPU 0\), cuda:1 \(GPU 1\), got cuda:2; name one of them, or",
        ),
        (
            {"triton": False},
            "cuda",
            "--device cuda: expected Triton, which compiles the GPU's kernels, got none installed; pip install triton",
        ),
        (
            {"capability": (7, 5)},
            "cuda",
            r"--device cuda: expected a GPU of compute capability 8\.0 or above.*, got GPU 0, no kernel for this "
            r"architecture: compute capability 7\.5, below 8\.0; choose another GPU, or take --device cpu",
        ),
        (
            {"capability": (12, 0), "built_for": ("sm_80", "sm_90a")},
            "cuda",
            r"--device cuda: expected .*, got GPU 0, no code in this build of torch for compute capability 12\.0",
        ),
    ],
)
def test_a_gpu_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], device: str, message: str
) -> None:
    answer(monkeypatch, **answers)
    with pytest.raises(InputError, match="^" + message) as caught:
        gpu.usable(device)
    assert "\n" not in str(caught.value)


def test_in_python_a_device_is_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, built=False)
    with pytest.raises(InputError, match=r'^device="cuda": expected a GPU .*, or take device="cpu"$'):
        gpu.usable("cuda", gpu.ARGUMENT)


@pytest.mark.parametrize(
    ("capability", "built_for", "fits"),
    [
        ((8, 9), ("sm_80",), True),  # code of an older one of the generation
        ((8, 0), ("sm_86",), False),
        ((9, 0), ("sm_80", "sm_90a"), True),
        ((12, 1), ("sm_90", "compute_120"), True),  # intermediate code, which the driver compiles
        ((10, 0), ("compute_120",), False),
        ((8, 0), (), True),  # a build that does not say
    ],
)
def test_code_of_torch_for_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], built_for: tuple[str, ...], fits: bool
) -> None:
    answer(monkeypatch, capability=capability, built_for=built_for)
    assert (gpu.unfit(gpu.gpus()[0]) is None) is fits


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cuda:01", "cuda:100", "mps", "", "CPU", "cuda:0\n"])
def test_a_device_of_another_form(device: str) -> None:
    with pytest.raises(InputError, match=r"^device: expected cpu, cuda or cuda:N, N a GPU's number, got '"):
        gpu.usable(device)


def test_nothing_is_listed_where_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, refusal=RuntimeError("No CUDA GPUs are available"))
    assert gpu.gpus() == []
