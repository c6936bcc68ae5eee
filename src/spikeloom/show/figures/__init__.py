"""The figures of a report, one kind a file: numbers in, a drawing out."""
