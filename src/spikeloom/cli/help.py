"""What all commands share."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

STOPPED = 130
"""The exit status of a program that was interrupted, as shells have it."""


def epilog(text: str) -> dict[str, Any]:
    """Arguments of a parser whose help ends with this text as it stands."""
    return {"epilog": text, "formatter_class": argparse.RawDescriptionHelpFormatter}
