"""How a kernel is compiled and kept: one decorator owns flags and cache.

Numba's own cache is not used. It does not notice an edit in a file that a kernel calls, and two processes that compile
at once may number different signatures alike. Here every compiled kernel is one file, written whole and then renamed,
and its name is a digest of all that went into it.
"""

import hashlib
import inspect
import os
import pickle
import platform
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from spikeloom.folders import cache_folder

FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}, "boundscheck": False}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that the operators call; the compiled code is kept on disk."""
    dispatcher = numba.njit(**FLAGS)(function)
    dispatcher._cache = KernelCache(function)
    return dispatcher


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call, into them."""
    return numba.njit(**FLAGS, forceinline=True, _nrt=False)(function)


@cache
def sources_digest() -> str:
    """A digest of the kernels' sources and of what compiles them."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, platform.python_version(), str(FLAGS))
    digest.update("|".join(versions).encode())
    return digest.hexdigest()


def function_digest(function: Callable[..., Any]) -> str:
    """A digest of the file in which a function stands, or of its code where there is no file."""
    path = inspect.getsourcefile(function)
    text = Path(path).read_bytes() if path and Path(path).exists() else repr(function.__code__.co_code).encode()
    return hashlib.sha256(text + function.__qualname__.encode()).hexdigest()


class KernelCache:
    """What Numba asks for compiled code before it compiles, and hands it to afterwards."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"

    @property
    def cache_path(self) -> str:
        return str(cache_folder())

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The kernel for these argument types, or None where it has to be compiled."""
        target.refresh()
        try:
            content = self._path(signature, target.codegen()).read_bytes()
        except OSError:
            return None
        checksum, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != checksum:
            return None
        return CompileResult._rebuild(target, *pickle.loads(payload))

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled kernel; where nothing can be written, the next process compiles again."""
        path = self._path(signature, result.codegen)
        payload, unfinished = dumps(result._reduce()), None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                unfinished = Path(file.name)
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(unfinished, path)
        except OSError:
            if unfinished is not None:
                unfinished.unlink(missing_ok=True)

    def flush(self) -> None:
        """Numba's interface: there is nothing to flush."""

    def _path(self, signature: Any, codegen: Any) -> Path:
        described = "|".join((self._name, sources_digest(), repr(signature), repr(codegen.magic_tuple())))
        return cache_folder() / f"{self._name}-{hashlib.sha256(described.encode()).hexdigest()[:32]}.bin"
