"""The quick-start notebook runs as it stands, in this interpreter, and its networks learn."""

import ast
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "quickstart.ipynb"
RESULTS = "fitted, own, loaded, [len(line.activity) for line in history.metrics], history.best.epoch"


@pytest.mark.skipif(not NOTEBOOK.is_file(), reason="the documents are not here")
def test_the_notebook_runs_and_its_networks_learn(tmp_path: Path) -> None:
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells.append(nbformat.v4.new_code_cell(f"print(({RESULTS}))"))
    # With no folder of kernels to look in, the one left is this interpreter's own.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(notebook, km=manager, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    fitted, own, loaded, layers, best = ast.literal_eval(notebook.cells[-1].outputs[0].text)
    assert fitted > 0.85
    assert own > 0.8
    assert loaded == own
    assert layers == [2] * 10  # the input and one layer, in five epochs of training and of validation
    assert 1 <= best <= 5
    assert {file.name for file in tmp_path.iterdir()} == {"raster.png", "digits.safetensors"}
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 3
