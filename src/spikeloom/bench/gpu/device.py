"""The GPU under measurement: whether there is one, and what it is called."""

import re
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from spikeloom.checks import require

FORM = re.compile(r"cuda(:\d+)?")


def checked(name: str) -> torch.device:
    """The GPU of that name, with its number.

    Args:
        name: "cuda", torch's current GPU, or "cuda:1".

    Raises:
        InputError: another name, no GPU that torch can use, or none of this number.
    """
    require(FORM.fullmatch(name) is not None, "device", "cpu, cuda or cuda:N, N a GPU's number", repr(name))
    remedy = "see that nvidia-smi lists a GPU and that this torch is built for CUDA, or take --device cpu"
    require(torch.cuda.is_available(), f"--device {name}", "a GPU that torch can use", _why_none(), remedy)
    index = torch.device(name).index
    count = torch.cuda.device_count()
    index = torch.cuda.current_device() if index is None else index
    require(index < count, f"--device {name}", f"a number below {count}, the GPUs here", index)
    return torch.device("cuda", index)


def _why_none() -> str:
    built = torch.backends.cuda.is_built()  # type: ignore[no-untyped-call]
    return "none" if built else f"torch {torch.__version__}, a build without CUDA"


def facts(device: torch.device) -> dict[str, Any]:
    """The GPU and what drives it, for who reads a result elsewhere: name, bytes of memory, capability, versions."""
    about = torch.cuda.get_device_properties(device)
    return {
        "gpu": about.name,
        "memory_bytes": about.total_memory,
        "capability": f"{about.major}.{about.minor}",
        "multiprocessors": about.multi_processor_count,
        "versions": {
            "spikeloom": _version("spikeloom"),
            "torch": torch.__version__,
            "cuda": str(torch.version.cuda),
            "triton": _version("triton"),
        },
    }


def _version(package: str) -> str:
    """As it is installed, or as its source says where it runs from there."""
    try:
        return version(package)
    except PackageNotFoundError:
        with suppress(ImportError):
            return str(import_module(package).__version__)
        return "not installed"
