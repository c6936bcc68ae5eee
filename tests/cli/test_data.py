"""spikeloom data: what it lists, gets and tells."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import refused
from local_server import serving

from spikeloom import cli
from spikeloom.data import catalogue, places, survey


def test_list_says_what_is_here(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places.recordings("nmnist").parent.mkdir(parents=True)
    data.rename(places.recordings("nmnist"))
    assert cli.main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name} " in "\n" + said for name in catalogue.CATALOGUE)
    assert f"in {places.recordings('nmnist')}\n" in said
    assert "not here: spikeloom data get shd\n" in said


def test_info_counts_and_draws(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "info", "nmnist", "--data", str(data), "--dt-ms", "2", "--steps", "10"]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines()[1:])
    assert lines["split"] == "all: 24 train, 12 test"
    assert lines["samples"] == "36"
    assert lines["classes"].startswith("10: 0 (12), 1 (12), 2 (12), 3 (0), ")
    assert lines["sensor"] == "34 x 34 x 2 = 2,312 neurons"
    assert lines["events"] == "120 to 120 a sample, median 120"
    assert lines["cut"].startswith("off          100.0% of samples are longer; ")
    assert lines["picture"] == "nmnist-raster.png"
    assert (tmp_path / "nmnist-raster.png").read_bytes().startswith(b"\x89PNG")


def test_info_of_a_folder_recognises_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "MOST_SAMPLES", 5)
    picture = str(tmp_path / "drawn.svg")
    assert cli.main(["data", "info", str(data), "--split", "test", "--picture", picture]) == 0
    said = capsys.readouterr().out
    assert said.startswith("nmnist: ")
    assert "samples          12\n" in said
    assert "read from 5 samples, evenly spaced" in said
    assert Path(picture).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["info", "nowhere"],
            "nowhere: expected a folder of recordings, or the name of a data set, got no such",
        ),
        (
            ["info", "."],
            "expected the files of a known data set (nmnist: Train and Test with a folder for each ",
        ),
        (["info", "shd"], "--data: expected shd_train.h5 and shd_test.h5 of shd, got none in "),
        (["info", "randman", "--split", "most"], "split: expected one of train, test, all, got 'most'"),
        (["info", "randman", "--dt-ms", "0"], "dt_ms: expected milliseconds per step, at least 0.001, got 0.0"),
        (["info", "randman", "--steps", "0"], "steps: expected at least 1, got 0"),
        (["info", "randman", "--picture", "no/where.png"], "--picture: expected a file that can be written, such as "),
        (["info", "randman", "--picture", "raster.xyz"], "--picture: expected a file that can be written, such as "),
        (["get", "mnist"], "data set: expected one of digits, nmnist, "),
        (["get", "digits"], "digits: expected a data set that is downloaded, got one that is not; it needs none: "),
        (
            ["get", "dvsgesture"],
            "got no such file, and its server gives it to browsers only; download https://ibm.ent.",
        ),
    ],
)
def test_what_cannot_be_done(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(["data", *arguments], capsys)
    assert not list(tmp_path.iterdir())


def test_get_then_info(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as pack:
        for file in data.rglob("*.bin"):
            pack.write(file, file.relative_to(data))
    monkeypatch.setenv("no_proxy", "*")
    folder = str(tmp_path / "to")
    with serving() as server:
        server.content = packed.getvalue()
        archive = replace(
            catalogue.CATALOGUE["nmnist"].archives[0],
            url=server.address,
            checksum="md5:" + hashlib.md5(server.content).hexdigest(),
        )
        entry = replace(catalogue.CATALOGUE["nmnist"], archives=(archive,))
        monkeypatch.setitem(catalogue.CATALOGUE, "nmnist", entry)
        assert cli.main(["data", "get", "nmnist", "--to", folder]) == 0
    said = capsys.readouterr().out
    assert (
        f"nmnist is in {folder}; CC BY-SA 4.0, https://www.garrickorchard.com/datasets/n-mnist\ncite: Orchard" in said
    )
    assert said.endswith(f"next: spikeloom data info nmnist --data {folder}\n")
    assert len(catalogue.open_dataset("nmnist", folder, "all")) == 36


def test_a_survey_against_counts_made_plainly() -> None:
    dataset = catalogue.open_dataset("digits", None, "test")
    found = survey.survey(dataset, dt_ms=3.0, steps=50)
    cells = np.zeros((360, 50, dataset.sensor.size), np.bool_)
    cut = total = longer = 0
    for index in range(360):
        events, _ = dataset[index]
        step = events.t_us // 3000
        early = step < 50
        cells[index, step[early], events.ids(dataset.sensor)[early]] = True
        cut, total, longer = cut + int((~early).sum()), total + len(events), longer + int(step[-1] >= 50)
    assert found.read == found.samples == 360
    assert found.activity == pytest.approx(cells.mean(), rel=1e-12)
    assert found.events_cut == pytest.approx(cut / total, rel=1e-12)
    assert found.samples_cut == longer / 360
    assert sum(found.classes.values()) == 360
    assert found.speakers == {}
