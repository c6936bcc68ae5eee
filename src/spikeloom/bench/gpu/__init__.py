"""`spikeloom bench step --device cuda`: one training step on a GPU. It has never run on one."""

from spikeloom.bench.cases import Workload

__all__ = ["run"]


def run(workload: Workload, device: str, as_json: bool) -> int:
    """Measure a training step on a GPU and print what was measured.

    Args:
        workload: what is trained.
        device: "cuda" or "cuda:N".
        as_json: print one line of JSON, alone on standard output, instead of tables.

    Returns:
        The exit status, 0.

    Raises:
        InputError: no such GPU, or hidden layers that cannot be made to spike so often.
    """
    from spikeloom.bench.gpu import report, step

    result = step.measure(workload, device)
    if as_json:
        print(report.as_json(result))
    else:
        report.print_tables(result)
    return 0
