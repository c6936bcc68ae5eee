"""Problems small enough for tests."""

import pytest
from bench.small import tiny

from spikeloom.bench import problem


@pytest.fixture(params=[False, True], ids=["feedforward", "recurrent"])
def made(request: pytest.FixtureRequest) -> problem.Problem:
    return problem.make(tiny(recurrent=request.param))
