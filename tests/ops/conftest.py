"""What holds for all tests of operators: fresh memory is poisoned."""

import pytest
from engine import lanes, poisoned  # noqa: F401 fixtures


@pytest.fixture(autouse=True)
def _poisoned(poisoned: None) -> None:  # noqa: F811
    pass
