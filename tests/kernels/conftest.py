"""What holds for all tests of kernels: each runs at every width; LLVM splits what is too wide for the host."""

import pytest
from engine import LANES

from spikeloom.kernels.cpu.simd import Width


@pytest.fixture(params=LANES, ids=lambda lanes: f"{lanes}_lanes")
def width(request: pytest.FixtureRequest) -> Width:
    return Width(request.param)
