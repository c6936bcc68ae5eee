"""Tests, laid out as the sources are; `tests.oracle` is what they share."""
