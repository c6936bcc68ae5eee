"""Compiles launches that were recorded, for GPUs that are not there; run by `test_compile` in a process of its own.

A process has either Triton's interpreter or its compiler.
"""

import importlib
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ARCHITECTURES = (90, 80, 100)
"""Every launch is compiled for the first; the others take the first launch of each kernel."""


def compile_for(architecture: int, launch: dict[str, Any]) -> dict[str, int]:
    """Compile a kernel as it was launched; how many registers it takes, and how many bytes it spills."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = getattr(importlib.import_module(launch["module"]), launch["name"])
    source = ASTSource(fn=kernel, signature=launch["signature"], constexprs=launch["constants"])
    options = {"num_warps": launch["num_warps"], "enable_fp_fusion": False}
    made = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    return used(made.asm["cubin"], Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump")


def used(binary: bytes, tool: Path) -> dict[str, int]:
    """What the compiled kernel says that it uses."""
    path = Path(sys.argv[2]) / "kernel.cubin"
    path.write_bytes(binary)
    text = subprocess.run([tool, "-res-usage", path], capture_output=True, text=True, check=True).stdout
    numbers = {name: int(number) for name, number in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", text)}
    assert numbers, text
    return numbers


def main() -> None:
    """Compile what the file of the first argument holds; the folder of the second is to work in."""
    seen = set()
    for launch in pickle.loads(Path(sys.argv[1]).read_bytes()):
        kernel = (launch["module"], launch["name"])
        for architecture in ARCHITECTURES[: 1 if kernel in seen else None]:
            seen.add(kernel)
            print(launch["module"], launch["name"], architecture, compile_for(architecture, launch))


if __name__ == "__main__":
    main()
