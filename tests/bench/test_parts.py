"""A step's kernel calls, what they move, and their share of a limit."""

import numpy as np
import pytest
import torch

from spikeloom.bench import contender, parts
from spikeloom.bench.calls import Call, recorded, rows_moved
from spikeloom.bench.contender import OURS
from spikeloom.bench.problem import Problem
from spikeloom.kernels.cpu import workers


def calls_of(made: Problem) -> list[Call]:
    trainer, calls = contender.make(OURS, made), []
    before = workers.run
    with recorded(calls):
        trainer.step()
    assert workers.run is before
    return calls


def test_rows_are_those_that_ids_name(made: Problem) -> None:
    calls = [call for call in calls_of(made) if not call.name.startswith("readout.")]
    total = {p: sum(rows_moved(call).get(p, 0) for call in calls) for p in parts.PRODUCTS}
    w = made.workload
    rows = w.case.steps * w.batch
    spikes = [
        made.spikes.ids.numel(),
        *(round(a.activity * rows * n) for a, n in zip(made.layers, w.hidden, strict=True)),
    ]
    window = round(made.layers[0].window * rows * w.hidden[0])
    if w.recurrent:
        # What a layer hears of itself comes on top, but for the last step, which nobody hears.
        assert total["forward"] == total["dw"]
        assert sum(spikes[:2]) < total["forward"] < sum(spikes[:2]) + sum(spikes[1:])
        assert total["dx"] > window
    else:
        assert total["forward"] == total["dw"] == pytest.approx(sum(spikes[:2]), abs=2)
        assert total["dx"] == pytest.approx(window, abs=2)


def test_parts_have_times_and_bytes(made: Problem) -> None:
    trainer = contender.make(OURS, made)
    found = parts.measure(trainer, made.workload.hidden)
    assert [part.name for part in found[:3]] == list(parts.PHASES)
    assert {part.product for part in found} == {None, *parts.PRODUCTS}
    for part in found:
        assert part.product == "dx" or part.seconds > 0
        assert (part.row_bytes > 0) == (part.product is not None)


def test_replays_leave_the_next_step_alone(made: Problem) -> None:
    trainer = contender.make(OURS, made)
    trainer.step()
    before = [p.grad.clone() for p in trainer.parameters if p.grad is not None]
    parts.measure(trainer, made.workload.hidden)
    trainer.step()
    assert all((a == p.grad).all() for a, p in zip(before, trainer.parameters, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_replay_does_the_whole_call(made: Problem, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        calls = [call for call in calls_of(made) if call.name == "scan.backward"]
    finally:
        torch.set_num_threads(before)
    for call in calls:
        sums = [sums.total for sums in (call.get("sink").d_weight, call.get("sink").d_input)]
        wanted = [total.copy() for total in sums]
        for _ in range(2):
            for total in sums:
                total[:] = np.nan
            call.replay()
            assert all((total == was).all() for total, was in zip(sums, wanted, strict=True))


def test_shares_pool_bytes_and_times() -> None:
    made = [parts.Part("a", 1.0, "forward", 3 * 10**9), parts.Part("b", 1.0, "forward", 10**9), parts.Part("c", 5.0)]
    assert parts.shares(made, 4.0) == {"forward": 0.5, "dw": None, "dx": None}
