"""The shapes that are measured: those of the paper's throughput runs with two hidden layers."""

from dataclasses import dataclass

from spikeloom.checks import require


@dataclass(frozen=True)
class Case:
    """The shape of a data set as the paper's throughput runs have it (Finkbeiner et al. 2024).

    Args:
        name: what the command line calls it.
        inputs: I, neurons of the sensor.
        steps: T.
        classes: C, neurons of the readout.
    """

    name: str
    inputs: int
    steps: int
    classes: int


CASES = {
    case.name: case
    for case in (
        Case("nmnist", inputs=2312, steps=100, classes=10),
        Case("shd", inputs=700, steps=100, classes=20),
        Case("dvs", inputs=4608, steps=50, classes=11),
    )
}


@dataclass(frozen=True)
class Workload:
    """One training step: a case, how much of it spikes, and the neurons' parameters.

    Args:
        case: shapes.
        activity: the fraction of input neurons that spike in a step, above 0 and at most 1.
        hidden_activity: the same for every hidden layer; weights are scaled until it holds.
        recurrent: whether hidden layers feed their spikes back to themselves, all to all.
        chain: whether each neuron behind the first hidden layer follows one of the layer below, so that deep networks
            of equal layers spike alike in all of them; not with `recurrent`.
        hidden: neurons of the hidden layers; the paper splits 2,942 neurons evenly.
        batch: B.
        beta: decay of hidden membranes.
        readout_beta: decay of the readout's.
        threshold: where a neuron spikes.
        second_threshold: where its gradient window begins.
        gain: what multiplies the current; the paper's (1 - beta) * 10.
        slope: of the SuperSpike surrogate.
        seed: of inputs, labels and weights.

    Raises:
        InputError: an activity outside of its range, or no sample.
    """

    case: Case
    activity: float = 0.015
    hidden_activity: float = 0.015
    recurrent: bool = False
    chain: bool = False
    hidden: tuple[int, ...] = (1466, 1466)
    batch: int = 48
    beta: float = 0.95
    readout_beta: float = 0.95
    threshold: float = 1.0
    second_threshold: float = 0.9
    gain: float = 0.5
    slope: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("activity", "hidden_activity"):
            value = getattr(self, name)
            remedy = f"write {value / 100:g} for {value:g} %" if 1 < value <= 100 else None
            require(0 < value <= 1, name, "a fraction above 0 and at most 1", value, remedy)
        require(self.batch >= 1, "batch", "at least 1", self.batch)
        require(not (self.chain and self.recurrent), "chain", "False beside recurrent", "True")


def workload(case: str, activity: float, hidden_activity: float, *, recurrent: bool) -> Workload:
    """The workload that the command line names.

    Raises:
        InputError: no such case, or an activity outside of its range.
    """
    require(case in CASES, "case", "one of " + ", ".join(CASES), repr(case))
    return Workload(CASES[case], activity=activity, hidden_activity=hidden_activity, recurrent=recurrent)
