"""Matrix units (AMX) switched off: nearly no laptop and no AMD processor has them, and bf16 products live by them.

oneDNN, which makes torch's bf16 products, is held to AVX-512 by an environment variable that it reads when it starts.
Products in fp32 use no matrix units.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from spikeloom.checks import require

ENVIRONMENT = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
SLOWER = 1.5
"""How many times as long a bf16 product must take at least, so that the switch counts as obeyed. It takes about 5 to 10
times as long where it is."""

UNPROVEN = "XLA has no switch that its bf16 products are shown to obey"

_TIMED = """
import time, torch
x = torch.ones(1024, 1024, dtype=torch.bfloat16)
def ms():
    start = time.perf_counter()
    x @ x
    return 1e3 * (time.perf_counter() - start)
print(min(ms() for _ in range(30)))
"""


def present() -> bool:
    """Whether this processor has matrix units for bf16, as far as the system tells."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False


def check_switch(pythons: Iterable[Path]) -> dict[Path, tuple[float, float]]:
    """Time a bf16 product with and without matrix units in each environment.

    Args:
        pythons: their interpreters.

    Returns:
        By interpreter, milliseconds with and without.

    Raises:
        InputError: no matrix units here, or a torch that does not obey the switch.
    """
    require(
        present(), "no-amx", "a processor with matrix units (amx_bf16)", "one without", "all its rows are such rows"
    )
    found = {}
    for python in dict.fromkeys(pythons):
        free, held = (_product_ms(python, environment) for environment in ({}, ENVIRONMENT))
        expected = f"bf16 products of {python} at least {SLOWER:g} times as slow without matrix units"
        require(held >= SLOWER * free, "no-amx", expected, f"{free:.2f} ms with and {held:.2f} ms without")
        found[python] = (free, held)
    return found


def unproven(number_type: str, version: str) -> bool:
    """Whether an implementation's products might use matrix units all the same: those that XLA makes in bf16.

    Args:
        number_type: of its products.
        version: of its packages, as rows have it.
    """
    return number_type == "bf16" and "jaxlib" in version


def _product_ms(python: Path, environment: dict[str, str]) -> float:
    command = [str(python), "-c", _TIMED]
    try:
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=True, timeout=120
        )
    except (OSError, subprocess.SubprocessError) as failure:
        require(False, "no-amx", f"a Python with torch at {python}", type(failure).__name__, "make bench builds it")
        raise
    return float(done.stdout)
