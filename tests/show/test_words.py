"""Numbers as people read them."""

import pytest

from spikeloom.show import words

THIN = "\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.5, "0.5"), (42, "42"), (999, "999"), (1234, "1.23 k"), (983_000, "983 k"), (62.6e6, "62.6 M")],
)
def test_counts(number: float, text: str) -> None:
    assert words.compact(number) == text


@pytest.mark.parametrize("number", [999_600, 1_000_000, 12_345_678, 9.995e9])
def test_large_counts_have_no_exponents(number: float) -> None:
    assert "e" not in words.compact(number)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0"), (0.0142, "1.4"), (0.00031, "0.031"), (0.24, "24"), (1.0, "100"), (0.0000001, "0.0000")],
)
def test_small_shares_keep_two_digits(share: float, text: str) -> None:
    assert words.activity(share) == text + THIN


def test_shares_ratios_and_times() -> None:
    assert words.percent(0.9361) == "93.6" + THIN
    assert words.times(21.34) == "21\N{NO-BREAK SPACE}×"
    assert words.times(3.14) == "3.1\N{NO-BREAK SPACE}×"
    assert [words.duration(s) for s in (4.84, 75.2, 7300)] == ["4.8 s", "1 min 15 s", "2 h 1 min"]


def test_sentences() -> None:
    assert words.several(1, "sample") == "1 sample"
    assert words.several(2000, "sample") == "2,000 samples"
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.shortened("hand_clapping", 8) == "hand_cl…"
