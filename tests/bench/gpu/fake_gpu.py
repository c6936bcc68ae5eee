"""A GPU that there is none of: a clock that steps move on, and events that read it."""

from spikeloom.bench.gpu.timer import Timer


class FakeGpu:
    """Work that takes its time after Python has gone on.

    Args:
        launch_s: what a step costs the host.
        unseen_s: of a step's work, what is done on a stream that events do not see.
    """

    def __init__(self, *, launch_s: float = 0.0, unseen_s: float = 0.0) -> None:
        self.launch_s, self.unseen_s = launch_s, unseen_s
        self.host_s = self.seen_s = self.all_s = 0.0
        self.waits = 0

    def work(self, seconds: float) -> None:
        """Take a step whose work takes so long."""
        self.host_s += self.launch_s
        self.seen_s = max(self.seen_s, self.host_s) + seconds
        self.all_s = max(self.all_s, self.seen_s + self.unseen_s)

    def wait(self) -> None:
        self.waits += 1
        self.host_s = max(self.host_s, self.seen_s, self.all_s)

    def event(self) -> "FakeEvent":
        return FakeEvent(self)

    def timer(self) -> Timer:
        return Timer(self.event, self.wait, lambda: self.host_s)


class FakeEvent:
    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu, self.at_s = gpu, 0.0

    def record(self) -> None:
        self.at_s = max(self.gpu.seen_s, self.gpu.host_s)

    def elapsed_time(self, later: "FakeEvent") -> float:
        return 1000 * (later.at_s - self.at_s)
