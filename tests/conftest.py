"""What holds for all tests: shapes in annotations are checked, and torch keeps to one thread."""

import os
from collections.abc import Iterator
from types import SimpleNamespace

import hypothesis
import pytest
import torch
from jaxtyping import install_import_hook

# Modules whose annotations are checked at every call. Not those that kernels or torch.compile take as they stand: the
# neurons and surrogates, the kernels, the operators, and `Spikes`, whose checked constructor torch.compile cannot see
# through; for its fields there is `oracle.assert_well_formed`.
CHECKED = ["spikeloom.reference"]

install_import_hook(CHECKED, "shapes.checked")
pytest.register_assert_rewrite("oracle")
# Triton asks when it is imported, which torch's compiler does too, whether kernels are to run in its interpreter.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
torch.set_num_threads(1)
# A busy machine is no fault of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def converted_sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests convert lies in no folder of the user's, and is shared by all tests."""
    from spikeloom.data import converted

    folder = tmp_path_factory.mktemp("converted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(converted, "places", SimpleNamespace(converted=lambda: folder))
        yield
