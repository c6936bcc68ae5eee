"""The one form of an error about input: name, what was expected, what came, and the remedy."""


class InputError(ValueError):
    """Input that cannot be used; the message is one line and says what to do."""


def require(condition: bool, name: str, expected: str, got: object, remedy: str | None = None) -> None:
    """Raise `InputError` unless `condition` holds.

    Args:
        condition: what has to be true.
        name: the argument, file or setting at fault.
        expected: what would have been right, as it reads after "expected".
        got: what came instead.
        remedy: what the user can do about it, if that is not plain from the rest.
    """
    if not condition:
        raise InputError(f"{name}: expected {expected}, got {got}" + (f"; {remedy}" if remedy else ""))
