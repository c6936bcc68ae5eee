"""What holds for all tests: shapes in annotations are checked, and torch keeps to one thread."""

import pytest
import torch
from jaxtyping import install_import_hook

# Modules whose annotations are checked at every call. Not those that kernels or torch.compile take as they stand: the
# neurons and surrogates, the kernels, the operators, and `Spikes`, whose checked constructor torch.compile cannot see
# through; for its fields there is `oracle.assert_well_formed`.
CHECKED = ["spikeloom.reference"]

install_import_hook(CHECKED, "shapes.checked")
pytest.register_assert_rewrite("oracle")
torch.set_num_threads(1)
