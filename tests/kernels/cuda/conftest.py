"""What holds for tests of GPU kernels: they run on a GPU if there is one, else in Triton's interpreter on the CPU."""

from collections.abc import Iterator

import pytest
import torch
from engine import poisoned  # noqa: F401 a fixture
from kernels.cuda.launches import operators

pytest.importorskip("triton", reason="Triton has no wheel for this system")


@pytest.fixture(autouse=True)
def _poisoned(poisoned: None) -> None:  # noqa: F811
    pass


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The device to run on; without a GPU it is the CPU, and operators do there what they do on a GPU."""
    import spikeloom.ops.cuda  # noqa: F401 registers what operators do there

    if torch.cuda.is_available():
        yield "cuda"
        return
    for operator in operators():
        monkeypatch.setitem(operator._functions, "cpu", operator._functions["cuda"])
    yield "cpu"
