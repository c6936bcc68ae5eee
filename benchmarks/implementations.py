"""Which implementations there are, and in which environment each runs."""

import re
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from spikeloom.checks import require

ROOT = Path(__file__).parents[1]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"

CONTENDERS = "ours_*,torch_expert*,torch_compile*,torch_folded*,torch_csr*,jax_scan*,brainevent*"
"""Those that are the fastest, or near it, in some case: sweeps leave out the others, which take far longer."""

GPU_CONTENDERS = "ours_*,torch_per_step_*,torch_folded*_graph,torch_expert*_graph"
GPU_USUAL = f"{GPU_CONTENDERS},torch_per_step,torch_csr,snntorch,norse_compile,spikingjelly*"
"""On a GPU: what sweeps have, and what the other cases have unless more is asked for. A step that is not in a graph
waits for its launches there, and is none of the fastest."""


@dataclass(frozen=True)
class Implementation:
    """An adapter, and the Python that has what it imports.

    Args:
        name: of its file in `benchmarks/peers`.
        python: the interpreter.
    """

    name: str
    python: Path

    @property
    def ours(self) -> bool:
        """Whether it is spikeloom."""
        return is_ours(self.name)


def is_ours(name: str) -> bool:
    """Whether an implementation of that name is spikeloom."""
    return name.startswith("ours_")


def every(peers_python: Path = PEERS_PYTHON, device: str = "cpu") -> list[Implementation]:
    """All implementations that run on a device, ours first; a file is one if it has a `NAME`.

    One that has a `NO_CPU` is for GPUs alone, one that has a `NO_GPU` for CPUs.
    """
    other = "NO_CPU" if device == "cpu" else "NO_GPU"
    named = [name for name, text in _adapters().items() if not re.search(rf"^{other}\b", text, re.M)]
    named.sort(key=lambda name: not is_ours(name))
    return [Implementation(name, Path(sys.executable) if is_ours(name) else peers_python) for name in named]


def without_gpu() -> dict[str, str]:
    """The implementations that are for CPUs alone, and why."""
    found = {name: re.search(r'^NO_GPU = "(.*)"$', text, re.M) for name, text in _adapters().items()}
    return {name: match[1] for name, match in found.items() if match}


def _adapters() -> dict[str, str]:
    """The texts of all adapters by name; most can only be imported in the environment of their library."""
    files = sorted((ROOT / "benchmarks" / "peers").glob("*.py"))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    return {name: text for name, text in texts.items() if re.search(r"^NAME\b", text, re.M)}


def select(wanted: str, peers_python: Path = PEERS_PYTHON, device: str = "cpu") -> list[Implementation]:
    """The implementations that are asked for.

    Args:
        wanted: names or patterns with `*`, between commas; "all" for all that the device has, "contenders" for those of
            sweeps, "usual" for all, or on a GPU for `GPU_USUAL`.
        peers_python: the interpreter of those that are not ours.
        device: where they run: "cpu", or a GPU.

    Raises:
        InputError: a part of it that is no implementation's there.
    """
    available = every(peers_python, device)
    if wanted == "usual":
        wanted = "all" if device == "cpu" else GPU_USUAL
    if wanted == "contenders":
        return [one for one in available if is_contender(one.name, device)]
    found: list[Implementation] = []
    for part in (part.strip() for part in wanted.split(",")):
        matching = [one for one in available if part == "all" or fnmatchcase(one.name, part)]
        names = ", ".join(one.name for one in available)
        require(len(matching) > 0, "PEERS", f"all, contenders, one of {names}, or a pattern", repr(part))
        found += [one for one in matching if one not in found]
    return found


def is_contender(name: str, device: str = "cpu") -> bool:
    """Whether an implementation takes part in sweeps."""
    return matches(name, CONTENDERS if device == "cpu" else GPU_CONTENDERS)


def matches(name: str, patterns: str) -> bool:
    """Whether a name is one of some patterns between commas."""
    return any(fnmatchcase(name, pattern) for pattern in patterns.split(","))
