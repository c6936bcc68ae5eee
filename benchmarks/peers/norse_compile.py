"""As `norse`, its neurons' loop through torch.compile."""

from functools import partial

from benchmarks.peers import _per_step, norse

NAME = "norse_compile"
PACKAGES = norse.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = norse.NOTE
NO_CPU = _per_step.NO_CPU

supports = norse.supports
build = partial(norse.build, compiled=True)
