"""Peak memory of a training step beyond weights, gradients and moments.

Each contender runs in a process of its own, which

1. takes a step on a tiny problem, so that code, threads and libraries are in place, and reads its resident memory;
2. builds the real problem and takes a step, which creates gradients and moments;
3. clears the system's record of the peak, takes another step and reads the peak.

The peak, less the memory of 1 and less four times the weights, is what the step needs besides: inputs, what the forward
pass keeps for the backward pass, temporaries, and what allocators and libraries take for their own ends. malloc is told
to hand freed memory back to the system, so that nothing left over from building the problem counts. Where the peak
cannot be cleared (other systems than Linux), it is that of the process's whole life, and where the system tells no peak
at all, there is no figure.

Run as `python -m spikeloom.bench.memory PROBLEM CONTENDER THREADS`, it prints the number of bytes.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from spikeloom.bench import contender, host, problem
from spikeloom.bench.cases import Case

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
ENVIRONMENT = {
    # A threshold that is set stays: each larger block is mapped on its own, and unmapped when freed.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 17),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 17),
    # No time is taken here: threads that sleep rather than spin get through on a busy machine.
    "OMP_WAIT_POLICY": "passive",
}
_TINY = Case("tiny", inputs=64, steps=4, classes=2)


def extra_bytes(name: str, made: problem.Problem, threads: int) -> int | None:
    """What a contender's step needs beyond weights, gradients and moments; None where the system does not tell.

    Args:
        name: of the contender.
        made: the problem.
        threads: torch's threads.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.pt"
        torch.save(made, path)
        command = [sys.executable, "-m", "spikeloom.bench.memory", str(path), name, str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ENVIRONMENT, check=False)
    if done.returncode:
        raise RuntimeError(f"memory of {name}: the process that measures it failed\n{done.stderr}")
    answer = done.stdout.split()[-1]
    return None if answer == "None" else int(answer)


def peak_bytes() -> int | None:
    """The highest resident memory of this process, since it was last cleared if that is possible."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def clear_peak() -> None:
    """Make the present resident memory the highest so far, where the system can."""
    with suppress(OSError):
        _CLEAR.write_text("5")


def _measure(path: str, name: str) -> int | None:
    workload = torch.load(path, weights_only=False).workload
    tiny = replace(workload, case=_TINY, hidden=(64, 64), batch=2, activity=0.3, hidden_activity=0.2)
    contender.make(name, problem.make(tiny)).step()
    clear_peak()
    before = peak_bytes()
    made = torch.load(path, weights_only=False)
    trainer, state_bytes = contender.make(name, made), made.state_bytes
    del made
    trainer.step()
    clear_peak()
    trainer.step()
    peak = peak_bytes()
    return None if before is None or peak is None else peak - before - state_bytes


if __name__ == "__main__":
    print(host.call_flushed(int(sys.argv[3]), _measure, sys.argv[1], sys.argv[2]))
