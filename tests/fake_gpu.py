"""Answers of torch.cuda as tests want them: there is no GPU here, and nothing of this has asked one."""

import contextlib
import importlib.util
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from spikeloom import gpu
from spikeloom.spikes import Spikes
from spikeloom.train import reading

GIB = 1 << 30
TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
"""What torch says; 11040 is CUDA 11.4."""


def answer(
    patch: pytest.MonkeyPatch,
    *,
    built: bool = True,
    cuda: str | None = "13.0",
    refusal: Exception | None = None,
    count: int = 1,
    capability: tuple[int, int] = (9, 0),
    built_for: tuple[str, ...] = ("sm_80", "sm_90", "sm_100", "compute_120"),
    triton: bool = True,
) -> None:
    """Let torch answer that there are so many GPUs of a kind, or that it can use none."""

    def init() -> None:
        if refusal is not None:
            raise refusal

    def properties(index: int) -> SimpleNamespace:
        major, minor = capability
        return SimpleNamespace(name=f"GPU {index}", total_memory=80 * GIB, major=major, minor=minor)

    patch.setattr(torch.backends.cuda, "is_built", lambda: built)
    patch.setattr(torch.version, "cuda", cuda)
    patch.setattr(torch.cuda, "init", init)
    patch.setattr(torch.cuda, "device_count", lambda: count)
    patch.setattr(torch.cuda, "current_device", lambda: 0)
    patch.setattr(torch.cuda, "get_device_properties", properties)
    patch.setattr(torch.cuda, "get_arch_list", lambda: list(built_for))
    found = importlib.util.find_spec
    patch.setattr(importlib.util, "find_spec", lambda name: (triton or None) if name == "triton" else found(name))


class Memory:
    """How full a GPU is, as torch tells it."""

    def __init__(self, patch: pytest.MonkeyPatch, *, free: int, held: int = 0, used: int = 0) -> None:
        patch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * GIB))
        patch.setattr(torch.cuda, "memory_reserved", lambda device: held)
        patch.setattr(torch.cuda, "memory_allocated", lambda device: used)


def stand_in(patch: pytest.MonkeyPatch) -> list[str]:
    """Let the CPU stand in for a GPU: what is done only where there is one is done, with tensors that stay here.

    Returns:
        What was asked for, in order: "pin" of a batch, "read" of numbers.
    """
    asked: list[str] = []
    pin, here = Spikes.pin_memory, reading.here

    def pinned(spikes: Spikes) -> Spikes:
        asked.append("pin")
        return spikes

    def read(numbers: torch.Tensor) -> torch.Tensor:
        asked.append("read")
        return here(numbers)

    assert pin is not pinned
    patch.setattr(gpu, "usable", lambda device, said="": torch.device("cpu"))
    patch.setattr(reading, "is_late", lambda device: True)
    patch.setattr(reading, "here", read)
    patch.setattr(Spikes, "pin_memory", pinned)
    patch.setattr(torch.Tensor, "pin_memory", lambda x: x)
    patch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    patch.setattr(torch.cuda, "current_device", lambda: 0)
    patch.setattr(torch.cuda, "set_device", lambda device: None)
    return asked


class Generators:
    """A GPU's random numbers, for which those of a generator on the CPU stand in."""

    def __init__(self, patch: pytest.MonkeyPatch, seed: int = 7) -> None:
        self.own = torch.Generator().manual_seed(seed)
        patch.setattr(torch.cuda, "default_generators", (self.own,))

    def draw(self) -> list[float]:
        """The next three numbers."""
        return [float(x) for x in torch.rand(3, generator=self.own)]


@contextlib.contextmanager
def read_by(folder: str) -> Iterator[list[str]]:
    """While open, lists what files in a folder of spikeloom read of tensors: a GPU would be waited for each time."""
    import sys

    found: list[str] = []
    names = ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__")

    def counted(name: str, own: Any) -> Any:
        def read(self: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            file = sys._getframe(1).f_code.co_filename
            if f"/spikeloom/{folder}/" in file.replace("\\", "/"):
                found.append(f"{file.rpartition('/')[2]}: {name}")
            return own(self, *arguments, **options)

        return read

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(torch.Tensor, name, counted(name, getattr(torch.Tensor, name)))
        yield found
