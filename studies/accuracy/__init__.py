"""What sparsity costs in accuracy and convergence; `make study` runs it and writes docs/results.md.

A run is a run folder of spikeloom's own (`docs/runs.md`) with `study.json` beside, which says what the run stands for,
on which machine it ran and what memory it took. The report is made from these folders alone.
"""
