"""Cases: what the names stand for, and layers that spike as often as stated."""

import os
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from small_cases import SMALL

from benchmarks import cases, demands, files
from benchmarks.cases import Spec
from spikeloom import InputError
from spikeloom.bench.cases import Case as Shape
from spikeloom.bench.cases import Workload


def named(name: str) -> Spec:
    (spec,) = cases.select(name)
    return spec


def test_the_paper_s_sizes() -> None:
    b, a = named("paper-layers-b/nmnist/2/1.5").workload, named("paper-layers-a/shd/3/20").workload
    assert (b.hidden, b.batch, b.case.steps, b.activity, b.hidden_activity) == ((1466, 1466), 48, 100, 0.015, 0.015)
    assert (a.hidden, a.case.inputs, a.activity, a.hidden_activity) == ((977,) * 3, 700, pytest.approx(0.069), 0.2)
    deep = named("neurons/47050")
    sizes = [deep.workload.case.inputs, *deep.workload.hidden, deep.workload.case.classes]
    assert sum(n * m for n, m in pairwise(sizes)) == pytest.approx(46e6, rel=0.01)
    assert (len(deep.workload.hidden), deep.optimizer, deep.workload.batch, deep.workload.case.steps) == (
        48,
        "sgd",
        24,
        10,
    )


def test_names_are_unique_and_every_promise_on_a_step_has_its_demanded_case() -> None:
    names = [spec.name for spec in cases.every()]
    demanded = [spec.name for spec in cases.every() if spec.demanded]
    assert len(set(names)) == len(names)
    assert names[: len(demanded)] == demanded
    for speed in demands.SPEEDS:
        if not speed.cases.startswith("accuracy/"):
            assert any(fnmatchcase(name, speed.cases) for name in demanded), speed


def test_cases_are_selected_by_name_beginning_and_pattern() -> None:
    assert len(cases.select("all")) == len(cases.every())
    assert {spec.name for spec in cases.select("recurrent")} == {
        f"recurrent/{t}/{b}" for t in (100, 250) for b in (48, 128)
    }
    assert [spec.name for spec in cases.select("ssbp/2, *-b/dvs/2/25,ssbp/2")] == ["ssbp/2", "paper-layers-b/dvs/2/25"]
    with pytest.raises(InputError, match="CASE: expected a case(.*)got 'onm/3'; see --list"):
        cases.select("onm/3")


def test_a_case_spikes_as_stated_and_is_kept(tmp_path: Path) -> None:
    path = cases.made(SMALL, tmp_path)
    case = files.load(path)
    assert case.layers == [70, 96, 130, 3]
    assert case.state_bytes == 4 * 4 * (70 * 96 + 96 * 130 + 130 * 3)
    assert float(case.x.mean()) == pytest.approx(0.2, rel=0.1)
    assert list(case.activity) == pytest.approx([0.1, 0.1], rel=0.2)
    os.utime(path, (1, 1))
    assert cases.made(SMALL, tmp_path) == path
    assert path.stat().st_mtime == 1


def test_a_case_comes_back_from_its_file(tmp_path: Path) -> None:
    work = Workload(Shape("r", 20, 5, 2), 0.3, 0.2, recurrent=True, hidden=(30,), batch=4)
    case = cases.make(Spec("r/1", work))
    files.save(case, tmp_path / "case.pt")
    back = files.load(tmp_path / "case.pt")
    assert torch.equal(back.x, case.x)
    assert torch.equal(back.recurrent[0], case.recurrent[0])
    assert (back.readout_beta, back.optimizer, back.binary) == (case.readout_beta, "adam", True)
    corner = files.tiny(back)
    assert (corner.x.shape, corner.labels.shape, corner.layers) == ((4, 2, 20), (2,), [20, 30, 2])


def test_numbers_as_input_and_no_readout() -> None:
    work = Workload(Shape("onm", 64, 40, 0), 1.0, 0.05, hidden=(64,), batch=8)
    case = cases.make(Spec("onm/64/gaussian", work, optimizer="sgd", gaussian=True))
    assert (case.binary, case.readout, case.layers) == (False, None, [64, 64])
    assert float(case.x.std()) == pytest.approx(1, abs=0.05)
    assert case.activity[0] == pytest.approx(0.05, rel=0.2)
    assert case.state_bytes == 2 * 4 * 64 * 64


def test_a_deep_chain_spikes_alike_in_all_layers_and_samples() -> None:
    work = Workload(Shape("deep", 200, 10, 10), 0.05, 0.05, hidden=(200,) * 20, batch=12, chain=True)
    case = cases.make(Spec("deep/20", work))
    assert list(case.activity) == pytest.approx([0.05] * 20, rel=0.2)
    x = case.x
    for weight in case.weights:
        membrane = spike = torch.zeros(12, 200)
        spikes = []
        for i in x:
            membrane = case.beta * membrane * (1 - spike) + case.gain * i @ weight.T
            spike = (membrane >= case.threshold).float()
            spikes.append(spike)
        x = torch.stack(spikes)
    counts = x.sum((0, 2))
    assert counts.min() > 0.3 * counts.mean()
    assert counts.max() < 3 * counts.mean()
