"""Every kernel compiles for GPUs that nobody has at hand, as the operators launch it."""

import importlib
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from engine import run_operators
from kernels.cuda.compiled import ARCHITECTURES
from kernels.cuda.launches import all_kernels, described, kernel_modules
from ops.readouts import problem, run_operator
from oracle import random_case
from own_neurons import ADAPTIVE, QUADRATIC

from spikeloom import Spikes, ops
from spikeloom.nn.blocked import to_blocks


@pytest.fixture
def launches(gpu: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What is launched meanwhile, once for each signature."""
    seen: dict[str, dict[str, Any]] = {}
    real = importlib.import_module("spikeloom.kernels.cuda.launch").launch

    def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
        found = described(kernel, arguments, constants)
        seen[repr(found)] = found
        real(kernel, grid, *arguments, **constants)

    for module in kernel_modules():
        monkeypatch.setattr(module, "launch", launch)
    return seen


def test_all_kernels_compile_without_spilling(launches: dict[str, dict[str, Any]], tmp_path: Path, gpu: str) -> None:
    sizes = {"steps": 2, "batch": 2, "inputs": 5}
    for neuron in (None, ADAPTIVE, QUADRATIC):
        for recurrent in (False, True):
            case = random_case(neuron=neuron, recurrent=recurrent, bias=True, per_neuron=True, **sizes)
            for sparse in (True, False):
                run_operators(case, sparse=sparse, device=gpu, grouped=False, cut=1)
    run_operators(random_case(**sizes), sparse=True, shadow=True, device=gpu, grouped=False)
    # As many neurons as the paper's layers have: their states have to fit into the registers of a program.
    large = random_case(neurons=1470, recurrent=True, activity=0.0, threshold=1e6, **{**sizes, "steps": 1})
    run_operators(large, sparse=True, device=gpu, grouped=False)
    for sparse in (True, False):
        run_operator(problem(inputs=5, outputs=3, batch=2, steps=2, seed=0), sparse=sparse)
    x = Spikes.from_dense(torch.ones(2, 2, 5))
    ops.product(x.ids, x.row_start, x.spike_count, x.active, to_blocks(torch.randn(3, 5)))
    names = {(launch["module"], launch["name"]) for launch in launches.values()}
    assert names == all_kernels(), "every kernel is among them"
    (tmp_path / "launches").write_bytes(pickle.dumps(list(launches.values())))
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("compiled.py"), tmp_path / "launches", tmp_path],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == len(launches) + (len(ARCHITECTURES) - 1) * len(names)
    spilling = [line for line in lines if re.search(r"'LOCAL': [^0]", line)]
    assert not spilling, spilling
