"""`spikeloom bench step`: one training step, measured beside plain torch and beside what the host can do."""

from dataclasses import replace

from spikeloom.bench.cases import CASES, Case, Workload, workload
from spikeloom.checks import require

__all__ = ["CASES", "Case", "Workload", "run", "workload"]


def run(
    case: str,
    activity: float,
    hidden_activity: float,
    recurrent: bool,
    threads: int | None,
    as_json: bool,
    device: str = "cpu",
    batch: int | None = None,
) -> int:
    """Measure a training step and print what was measured.

    Args:
        case: a name in `CASES`.
        activity: the fraction of input neurons that spike in a step.
        hidden_activity: the same for each hidden layer, whose weights are scaled until it holds.
        recurrent: whether hidden layers hear themselves.
        threads: for all that is compared; None for all processors.
        as_json: print one line of JSON, alone on standard output, instead of tables.
        device: "cpu", or "cuda" or "cuda:N" for a GPU.
        batch: B; None for the paper's 48.

    Returns:
        The exit status, 0.

    Raises:
        InputError: an argument out of its range, no such device, or hidden layers that cannot be made to spike so
            often.
    """
    from spikeloom.bench import host, report, step

    chosen = workload(case, activity, hidden_activity, recurrent=recurrent)
    if batch is not None:
        chosen = replace(chosen, batch=batch)
    threads = host.cores() if threads is None else threads
    require(threads >= 1, "threads", "at least 1", threads)
    if device != "cpu":
        from spikeloom.bench import gpu

        return host.call_flushed(threads, gpu.run, chosen, device, as_json)
    result = step.measure(chosen, threads)
    if as_json:
        print(report.as_json(result))
    else:
        report.print_tables(result)
    return 0
