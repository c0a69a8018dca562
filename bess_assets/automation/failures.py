"""Why a step failed, in our own words where there are any.

Belongs here: reading Dagster's serialized errors.
Does not: raising alarms (alarms.py), what a run came to (materialize.py).
"""

from dagster_shared.error import SerializableErrorInfo

_ERRORS_MODULE = "bess_assets.errors."


def plain_reason(error: SerializableErrorInfo | None) -> str:
    """What went wrong, as we worded it; where we did not, as the innermost error did."""
    message = ""
    while error:
        message = error.message.strip()
        if message.startswith(_ERRORS_MODULE):
            return message.split(": ", 1)[1]
        error = error.cause
    return message or "no reason was given"
