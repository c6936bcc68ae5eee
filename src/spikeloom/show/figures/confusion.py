"""The confusion matrix, with the accuracy of each class beside it."""

from collections.abc import Sequence

from markupsafe import Markup

from spikeloom.show.collect import Predictions
from spikeloom.show.svg import Figure
from spikeloom.show.words import percent, several, shortened

NUMBERS_UP_TO = 24
"""Classes up to which each cell has its number."""

WIDTH, SIDE = 1080.0, 620.0
DARK = 0.55


def draw(predictions: Predictions, names: Sequence[str]) -> Markup:
    """Draw the matrix: a row per class, a column per class found, shaded by the share of the row.

    Args:
        predictions: of a split.
        names: of the classes.
    """
    matrix, classes = predictions.confusion, predictions.classes
    left = 24 + 6.6 * min(14, max(len(name) for name in names))
    cell = min(52.0, (SIDE - left) / classes)
    turned = 6.6 * max(len(shortened(name, 10)) for name in names) > cell - 4
    top = 34 + (6.2 * min(10, max(len(name) for name in names)) if turned else 12)
    figure = Figure(WIDTH, top + cell * classes + 8, _in_words(predictions, names))
    figure.text(left, 12, "rows: the label; columns: the class found", "title")
    bars = left + cell * classes + 34
    figure.text(bars, 12, "accuracy of each class", "title")
    for k, name in enumerate(names):
        middle = (k + 0.5) * cell
        figure.text(left - 8, top + middle + 4, shortened(name, 14), "name", anchor="end")
        x = left + middle
        if turned:
            figure.text(x + 4, top - 6, shortened(name, 10), "name", upward=True)
        else:
            figure.text(x, top - 7, shortened(name, 10), "name", anchor="middle")
        total = int(matrix[k].sum())
        for j in range(classes):
            hint = f"{name} found to be {names[j]}: {matrix[k, j]} of {total}"
            _cell(figure, (left + j * cell, top + k * cell, cell), int(matrix[k, j]), total, j == k, hint)
        _bar(figure, bars, top + k * cell, cell, int(matrix[k, k]), total)
    return figure.markup()


def _cell(figure: Figure, place: tuple[float, float, float], count: int, total: int, right: bool, hint: str) -> None:
    x, y, cell = place
    figure.rect(x, y, cell, cell, "cell")
    if count == 0:
        return
    # The root lets rare confusions be seen beside full diagonals.
    shade = 0.12 + 0.88 * count / total if right else max(0.1, (count / total) ** 0.5)
    figure.rect(x + 0.75, y + 0.75, cell - 1.5, cell - 1.5, "right" if right else "wrong", opacity=shade, hint=hint)
    if cell >= SIDE / NUMBERS_UP_TO - 4:
        figure.text(x + cell / 2, y + cell / 2 + 4, str(count), "over" if shade > DARK else "number", anchor="middle")


def _bar(figure: Figure, x: float, y: float, cell: float, right: int, total: int) -> None:
    width, thick = WIDTH - x - 130, min(14.0, 0.55 * cell)
    at = y + (cell - thick) / 2
    share = right / total if total else 0.0
    figure.rect(x, at, width, thick, "track")
    figure.rect(x, at, width * share, thick, "right")
    said = f"{percent(share)} of {total:,}" if total else "no sample"
    figure.text(x + width + 10, y + cell / 2 + 4, said, "number")


def _in_words(predictions: Predictions, names: Sequence[str]) -> str:
    worst = [f"{names[a]} as {names[b]} {count}" for a, b, count in predictions.confused(3)]
    said = f"; most often confused: {', '.join(worst)}" if worst else "; none was confused"
    samples = several(len(predictions.labels), "sample")
    return (
        f"Confusion matrix of {samples} in {predictions.classes} classes, {percent(predictions.accuracy)} right{said}"
    )
