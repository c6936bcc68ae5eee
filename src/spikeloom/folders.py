"""The folders of the user in which spikeloom keeps what it makes and what it is given."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Where compiled kernels and converted data sets are kept: `SPIKELOOM_CACHE`, or the user's folder for caches."""
    chosen = os.environ.get("SPIKELOOM_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = _local()
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "spikeloom"


def data_folder() -> Path:
    """Where data sets are put: `SPIKELOOM_DATA`, or the user's folder for data."""
    chosen = os.environ.get("SPIKELOOM_DATA")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = _local()
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "spikeloom"


def _local() -> str:
    return os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
