"""Run folders of the study as tests make them, without training."""

import json
from collections.abc import Sequence
from pathlib import Path

from spikeloom.train.metrics import Metrics

FACTS = {
    "at_once": 2,
    "before_bytes": 400_000_000,
    "peak_bytes": 480_000_000,
    "spikeloom": "0.1.0",
    "torch": "2.9",
    "numba": "0.61",
    "numpy": "2.0",
    "python": "3.11",
    "processor": "a processor",
    "cores": 2,
    "commit": "0123456789",
    "date": "2026-01-02",
    "load": 1.5,
}
CONFIG = """\
recipe = "nmnist"
[data]
steps = 100
dt_ms = 3.0
[network]
hidden = [256, 128]
[training]
epochs = {epochs}
threads = 1
"""


def write_run(
    runs: Path,
    data: str,
    variant: str,
    part: str,
    seed: int,
    *,
    accuracy: float,
    validation: Sequence[float],
    epoch_s: float = 1.0,
    stands_for: Sequence[str] = (),
    finished: bool = True,
) -> Path:
    """Write a run that had these accuracies on validation after its epochs, each of which took so many seconds."""
    folder = runs / f"{data}-{variant}-{part}-seed{seed}"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG.format(epochs=len(validation)))
    activity = {"input": 0.02, "layer 1": 0.05, "layer 2": 0.03}
    lines = []
    for epoch, value in enumerate(validation, start=1):
        lines.append(Metrics(epoch, "train", 1.0, value, activity, 800.0 + epoch, epoch_s))
        lines.append(Metrics(epoch, "validation", 1.0, value, activity, 900.0, 0.1))
    if finished:
        lines.append(Metrics(len(validation), "test", 1.0, accuracy, activity, 900.0, 0.1))
        own = {"data": data, "variant": variant, "stands_for": [variant, *stands_for], "part": part, "seed": seed}
        (folder / "study.json").write_text(json.dumps(FACTS | own))
    (folder / "metrics.jsonl").write_text("".join(line.to_json() + "\n" for line in lines))
    return folder
