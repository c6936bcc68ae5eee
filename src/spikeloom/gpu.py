"""What a GPU must be for our kernels, which GPUs there are, and why there is none."""

import importlib.util
import re
from dataclasses import dataclass

import torch

from spikeloom.checks import require

LEAST_CAPABILITY = (8, 0)
"""NVIDIA's Ampere, the oldest with products in bfloat16."""

FORM = re.compile(r"cpu|cuda(:(0|[1-9]\d?))?")
"""How a device is written."""

OPTION, ARGUMENT = "--device {}", 'device="{}"'
"""How a user names a device on the command line, and in Python."""


@dataclass(frozen=True)
class Gpu:
    """A GPU that torch can use.

    Args:
        index: as in `cuda:0`.
        name: its maker's.
        memory_bytes: in all.
        capability: of NVIDIA's count, major and minor.
    """

    index: int
    name: str
    memory_bytes: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Missing:
    """Why torch can use no GPU, and what to do about it, as an error reads."""

    got: str
    remedy: str


def missing() -> Missing | None:
    """Why torch can use no GPU; None where it can. It starts torch's part for GPUs, which may take a second."""
    install = "install one for CUDA, as pytorch.org says"
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        return Missing("a build of torch without CUDA", install)
    if torch.version.cuda is None:
        return Missing("a build of torch for AMD's GPUs, on which nothing here has been tried", install)
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
        return _refusal(str(error))
    return None


def gpus() -> list[Gpu]:
    """The GPUs that torch can use, whether there are kernels for them or not; none where `missing` says why."""
    if missing() is not None:
        return []
    found = [(index, torch.cuda.get_device_properties(index)) for index in range(torch.cuda.device_count())]
    return [Gpu(index, of.name, of.total_memory, (of.major, of.minor)) for index, of in found]


def unfit(gpu: Gpu) -> str | None:
    """What there is no kernel of, or no code in torch, for this GPU; None where it can be used."""
    if gpu.capability < LEAST_CAPABILITY:
        least = ".".join(map(str, LEAST_CAPABILITY))
        return f"no kernel for this architecture: compute capability {_capability(gpu)}, below {least}"
    built = [(name[:3], int(re.sub(r"\D", "", name))) for name in torch.cuda.get_arch_list()]
    own = 10 * gpu.capability[0] + gpu.capability[1]
    # Machine code runs on later GPUs of the same generation, NVIDIA's intermediate code on all later ones.
    known = [number // 10 == own // 10 and number <= own if kind == "sm_" else number <= own for kind, number in built]
    if built and not any(known):
        return f"no code in this build of torch for compute capability {_capability(gpu)}: {torch.__version__}"
    return None


def usable(device: str, said: str = OPTION) -> torch.device:
    """The device of that name, with its number, if there are kernels for it.

    Args:
        device: "cpu", "cuda" (torch's current one) or "cuda:1".
        said: how the user named it, for errors; `OPTION` or `ARGUMENT`.

    Raises:
        InputError: another name, no GPU that torch can use, no GPU of this number, no Triton, or a GPU for which there
            is no kernel.
    """
    check_form(device)
    wanted = torch.device(device)
    if wanted.type == "cpu":
        return wanted
    name, otherwise = said.format(device), f"or take {said.format('cpu')}"
    why = missing()
    if why is not None:
        require(False, name, "a GPU that torch can use", why.got, f"{why.remedy}, {otherwise}")
    found = gpus()
    index = torch.cuda.current_device() if wanted.index is None else wanted.index
    there = ", ".join(f"cuda:{gpu.index} ({gpu.name})" for gpu in found)
    require(index < len(found), name, f"one of {there}", f"cuda:{index}", f"name one of them, {otherwise}")
    triton = importlib.util.find_spec("triton") is not None
    remedy = f"pip install triton (triton-windows on Windows), {otherwise}"
    require(triton, name, "Triton, which compiles the GPU's kernels", "none installed", remedy)
    reason = unfit(found[index])
    least = f"a GPU of compute capability {'.'.join(map(str, LEAST_CAPABILITY))} or above, that torch has code for"
    require(reason is None, name, least, f"{found[index].name}, {reason}", f"choose another GPU, {otherwise}")
    return torch.device("cuda", index)


def check_form(device: str) -> None:
    """Raise unless a device is written as it should be, be it there or not.

    Raises:
        InputError: it is not.
    """
    require(FORM.fullmatch(device) is not None, "device", "cpu, cuda or cuda:N, N a GPU's number", repr(device))


def _capability(gpu: Gpu) -> str:
    return ".".join(map(str, gpu.capability))


def _refusal(said: str) -> Missing:
    """What torch's refusal to start its part for GPUs comes to."""
    if "driver" in said and "too old" in said:
        version = re.search(r"found version (\d+)", said)
        # 11040 is 11.4.
        known = f" of CUDA {int(version[1]) // 1000}.{int(version[1]) % 1000 // 10}" if version else ""
        got = f"an NVIDIA driver{known}, too old for torch {torch.__version__}, which is for CUDA {torch.version.cuda}"
        return Missing(got, "update the driver, install a torch for its CUDA")
    if "no NVIDIA driver" in said:
        return Missing("no NVIDIA driver", "install NVIDIA's driver")
    if "No CUDA GPUs" in said:
        return Missing("none", "see that nvidia-smi lists one, and that CUDA_VISIBLE_DEVICES does not hide it")
    return Missing(said.strip().partition("\n")[0] or "an error without words", "see that nvidia-smi works")
