"""The identity of a data set changes with whatever its recordings depend on."""

import os
from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.data.identity import of_files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    return [tmp_path / "one", tmp_path / "two"]


def test_it_stays_while_nothing_changes(files: list[Path]) -> None:
    assert of_files("kind", files, split="train", a=1) == of_files("kind", iter(files), a=1, split="train")
    assert of_files("kind", files, split="train").startswith("kind split='train' files=2 sha256=")


def test_it_changes_with_kind_settings_order_names_sizes_and_times(files: list[Path], tmp_path: Path) -> None:
    seen = {of_files("kind", files), of_files("other", files), of_files("kind", files, split="train")}
    seen |= {of_files("kind", files, split=1), of_files("kind", files, split="1"), of_files("kind", files[:1])}
    seen |= {of_files("kind", files[::-1])}
    os.utime(files[0], ns=(0, 5))
    seen.add(of_files("kind", files))
    os.utime(files[0], ns=(0, 6))
    seen.add(of_files("kind", files))
    files[0].write_text("longer than before")
    os.utime(files[0], ns=(0, 6))
    seen.add(of_files("kind", files))
    files[0].rename(tmp_path / "three")
    seen.add(of_files("kind", [tmp_path / "three", files[1]]))
    assert len(seen) == 11


def test_a_name_that_is_no_text_does_not_matter(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd\xff\n")
    odd.write_text("x")
    assert "files=1" in of_files("kind", [odd])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: expected a file, got No such file or directory; put it back"):
        of_files("kind", [tmp_path / "gone"])
