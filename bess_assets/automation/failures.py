"""Why a step failed: the words of this package's own error, out of Dagster's chain of errors."""

from typing import Protocol

_ERRORS_MODULE = "bess_assets.errors."


class ErrorChain(Protocol):
    """An error as Dagster records it."""

    @property
    def message(self) -> str:
        """Its class and its words."""

    @property
    def cause(self) -> "ErrorChain | None":
        """The error that it was raised from."""


def plain_reason(error: ErrorChain | None) -> str:
    """The words of the outermost error of this package; where there is none, those of the innermost error."""
    message = ""
    while error:
        message = error.message.strip()
        if message.startswith(_ERRORS_MODULE):
            return message.split(": ", 1)[1]
        error = error.cause
    return message or "no reason was given"
