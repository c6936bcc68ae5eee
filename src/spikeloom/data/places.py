"""Where data sets lie: as they were published, and as this package converts them."""

from pathlib import Path

from spikeloom.folders import cache_folder, data_folder


def recordings(name: str) -> Path:
    """The folder in which `spikeloom data get` puts a data set, and in which it is looked for.

    Args:
        name: of the data set, such as "shd".
    """
    return data_folder() / name


def converted() -> Path:
    """The folder of converted data sets; all in it can be made again."""
    return cache_folder() / "data"
