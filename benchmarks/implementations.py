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


def every(peers_python: Path = PEERS_PYTHON) -> list[Implementation]:
    """All implementations, ours first; a file is one if it has a `NAME`."""
    files = sorted((ROOT / "benchmarks" / "peers").glob("*.py"))
    named = [file.stem for file in files if re.search(r"^NAME\b", file.read_text(encoding="utf-8"), re.M)]
    named.sort(key=lambda name: not is_ours(name))
    return [Implementation(name, Path(sys.executable) if is_ours(name) else peers_python) for name in named]


def select(wanted: str, peers_python: Path = PEERS_PYTHON) -> list[Implementation]:
    """The implementations that are asked for.

    Args:
        wanted: names or patterns with `*`, between commas; "all" for all, "contenders" for `CONTENDERS`.
        peers_python: the interpreter of those that are not ours.

    Raises:
        InputError: a part of it that is no implementation's.
    """
    available = every(peers_python)
    if wanted == "contenders":
        return [one for one in available if is_contender(one.name)]
    found: list[Implementation] = []
    for part in (part.strip() for part in wanted.split(",")):
        matching = [one for one in available if part == "all" or fnmatchcase(one.name, part)]
        names = ", ".join(one.name for one in available)
        require(len(matching) > 0, "PEERS", f"all, contenders, one of {names}, or a pattern", repr(part))
        found += [one for one in matching if one not in found]
    return found


def is_contender(name: str) -> bool:
    """Whether an implementation takes part in sweeps."""
    return any(fnmatchcase(name, pattern) for pattern in CONTENDERS.split(","))
