"""One adapter a file: what each implementation makes of a case."""
