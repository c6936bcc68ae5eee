"""What this machine offers, and what of it is used."""

import importlib.metadata
import os
import platform
import subprocess

import torch

from spikeloom import gpu
from spikeloom.bench.host import cache_bytes, cores, processor
from spikeloom.data import places, store
from spikeloom.folders import cache_folder, data_folder
from spikeloom.kernels.cpu.simd import host_width

PACKAGES = ("spikeloom", "torch", "numba", "llvmlite", "triton", "numpy", "h5py", "tensorboard", "tonic")
APPLE_CACHES = {1: "hw.l1dcachesize", 2: "hw.l2cachesize", 3: "hw.l3cachesize"}


def facts() -> list[tuple[str, str]]:
    """Names and values, as `spikeloom info` prints them; what the system does not tell stands as "unknown"."""
    versions = [(name, _version(name)) for name in PACKAGES]
    return [
        *versions,
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("processor", _processor()),
        ("vector width", _lanes()),
        ("processors", f"{cores()} of {_all_processors()} usable"),
        ("threads", f"{torch.get_num_threads()} unless --threads says otherwise"),
        *((f"cache L{level}", _in_words(_cache(level))) for level in (1, 2, 3)),
        *_gpus(),
        ("kernels", _kernels()),
        ("kernel cache", str(cache_folder())),
        ("data sets", str(data_folder())),
        ("converted sets", _converted()),
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    return _sysctl("machdep.cpu.brand_string") or processor() or "unknown"


def _lanes() -> str:
    lanes = host_width().lanes
    return f"{lanes} floats ({32 * lanes} bits)"


def _all_processors() -> str:
    return str(os.cpu_count() or "an unknown number")


def _cache(level: int) -> int | None:
    found = cache_bytes(level)
    if found is None and level in APPLE_CACHES:
        told = _sysctl(APPLE_CACHES[level])
        found = int(told) if told.isdigit() and int(told) > 0 else None
    return found


def _in_words(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _sysctl(name: str) -> str:
    """What macOS says of itself; an empty text elsewhere."""
    if platform.system() != "Darwin":
        return ""
    try:
        return subprocess.run(
            ["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _gpus() -> list[tuple[str, str]]:
    """The GPUs that torch can use, each with what keeps our kernels from it, if anything does; or why there is none."""
    why = gpu.missing()
    if why is not None:
        return [("GPU", f"none that torch can use: {why.got}")]
    driver = _driver()
    return [(f"GPU cuda:{one.index}", _gpu(one, driver)) for one in gpu.gpus()]


def _gpu(one: gpu.Gpu, driver: str) -> str:
    reason = gpu.unfit(one)
    capability = ".".join(map(str, one.capability))
    facts = f"{one.name}, {one.memory_bytes / (1 << 30):.1f} GiB, compute capability {capability}, driver {driver}"
    return facts if reason is None else f"{facts}; {reason}"


def _driver() -> str:
    """The version of NVIDIA's driver, which is one for all GPUs."""
    question = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(question, capture_output=True, text=True, timeout=20, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        told = []
    return told[0] if told else "unknown"


def _kernels() -> str:
    """How many kernels are compiled already, by name."""
    folder = cache_folder()
    names = sorted(file.name.rpartition("-")[0] for file in folder.glob("*.bin")) if folder.is_dir() else []
    if not names:
        return "none compiled yet; the first run compiles them"
    counted = {name: names.count(name) for name in names}
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counted.items())


def _converted() -> str:
    """What the data sets take that training has converted; all of it can be made again."""
    size = store.size()
    return f"{_in_words(size)} in {places.converted()}" if size else "none yet; training makes them"
