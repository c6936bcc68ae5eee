"""Recordings as NumPy's npz: the arrays t, x, y, p, and label where the file says it itself.

No pickled object is ever loaded, and no array is made before the file is known to hold it: sizes are checked against
the size of the file, as a damaged or hostile file may declare any.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable

import numpy as np

from spikeloom.checks import InputError, require
from spikeloom.data.events import Events, Sensor
from spikeloom.data.events_columns import from_columns

# Deflate shrinks event columns 2 to 10 times, and even those that are all equal are beside others that are not.
MOST_EXPANSION = 64
SPARE_BYTES = 1 << 20
HEADER_BYTES = 10_000
FAULTS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, KeyError, IndexError, TypeError)
SAVE_AGAIN = "save it again with numpy.savez"


def decode(raw: bytes, sensor: Sensor, source: str) -> Events:
    """Read the arrays t, in whole microseconds, and x, y, p; what is absent of the last three is 0.

    Args:
        raw: the content of a file.
        sensor: what the events must lie on.
        source: the file, as an error names it.

    Raises:
        InputError: a damaged file, arrays of another kind or shape, and whatever `Events.check` finds.
    """
    arrays = _arrays(raw, ("t", "x", "y", "p"), source)
    for name, array in arrays.items():
        usable = array.ndim == 1 and (array.dtype.kind in "iu" or (name == "p" and array.dtype.kind == "b"))
        remedy = "give time in whole microseconds" if name == "t" else SAVE_AGAIN
        require(usable, f"{source}: {name}", "a row of integers", f"{array.dtype} of shape {array.shape}", remedy)
    return from_columns(arrays, sensor, source)


def label(raw: bytes, source: str) -> str:
    """Read the array `label`, an integer or a text, as text.

    Raises:
        InputError: a damaged file, or one without a single label in it.
    """
    arrays = _arrays(raw, ("label",), source)
    remedy = "add it, or put the file into a folder named by its label"
    require("label" in arrays, source, "an array label", "none", remedy)
    array = arrays["label"]
    usable = array.size == 1 and array.dtype.kind in "iuU"
    what = f"{array.dtype} of shape {array.shape}"
    require(usable, f"{source}: label", "one integer or text", what, "save a single one")
    try:
        text = str(array.reshape(-1)[0])
        text.encode()
    except ValueError as error:
        raise InputError(f"{source}: label: expected text, got {error}; {SAVE_AGAIN}".replace("\n", " ")) from error
    return text


def _arrays(raw: bytes, names: Iterable[str], source: str) -> dict[str, np.ndarray]:
    """Those of the named arrays that the file holds."""
    room = MOST_EXPANSION * len(raw) + SPARE_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            held = set(archive.namelist())
            members = {name: archive.getinfo(f"{name}.npy") for name in names if f"{name}.npy" in held}
            total = sum(member.file_size for member in members.values())
            require(total <= room, source, f"arrays of at most {room} bytes", total, SAVE_AGAIN)
            return {name: _array(archive, member, f"{source}: {name}") for name, member in members.items()}
    except InputError:
        raise
    except FAULTS as error:
        got = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{source}: expected a whole npz file, got {got}; {SAVE_AGAIN}") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> np.ndarray:
    # what numpy writes; other methods of compression cannot be read in bounded pieces
    usual = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    require(usual, name, "stored or deflated bytes", f"compression method {member.compress_type}", SAVE_AGAIN)
    with archive.open(member) as file:
        content = file.read(member.file_size)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream, max_header_size=HEADER_BYTES)
    plain = dtype.kind in "biufU" and dtype.subdtype is None and dtype.itemsize > 0
    require(plain, name, "an array of numbers or text", dtype, SAVE_AGAIN)
    count, left = 1, len(content) - stream.tell()
    for length in shape:  # in Python's integers, that do not overflow
        count *= length
    require(
        min(shape, default=0) >= 0 and count * dtype.itemsize == left,
        name,
        f"{shape} of {dtype}",
        f"{left} bytes",
        SAVE_AGAIN,
    )
    array = np.frombuffer(content, dtype, count, stream.tell())
    return array.reshape(shape, order="F" if fortran else "C")
