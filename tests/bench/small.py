"""A workload small enough for tests."""

from spikeloom.bench.cases import Case, Workload

TINY = Case("tiny", inputs=70, steps=12, classes=3)


def tiny(*, recurrent: bool = False, hidden_activity: float = 0.1) -> Workload:
    return Workload(TINY, activity=0.2, hidden_activity=hidden_activity, recurrent=recurrent, hidden=(96, 130), batch=6)
