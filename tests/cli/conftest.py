"""What the tests of commands share: recordings, and no folder of the user."""

from pathlib import Path

import pytest
from recordings import write_nmnist

from spikeloom.data import places


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small data set in N-MNIST's format."""
    return write_nmnist(tmp_path / "data")


@pytest.fixture(autouse=True)
def _no_folder_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("SPIKELOOM_DATA", str(folder / "data"))
    # Not SPIKELOOM_CACHE: the kernels' cache is slow to fill.
    monkeypatch.setattr(places, "converted", lambda: folder / "converted")
