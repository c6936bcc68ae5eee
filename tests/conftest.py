"""What holds for all tests: shapes in annotations are checked, and torch keeps to one thread."""

import pytest
import torch
from jaxtyping import install_import_hook

# Modules whose annotations name shapes. Not the neurons, whose functions kernels compile as they stand, nor the kernels and
# operators, whose decorators read plain signatures.
CHECKED = ["spikeloom.spikes", "spikeloom.surrogates", "spikeloom.reference"]

install_import_hook(CHECKED, "beartype.beartype")
pytest.register_assert_rewrite("tests.oracle")
torch.set_num_threads(1)
