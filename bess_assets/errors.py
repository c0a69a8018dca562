"""The one family of errors that this package raises on purpose.

Belongs here: errors that a user can act on, each saying where (dataset, file, column or day), what was expected and what to do.
Does not: counted oddities that do not stop a year (market/findings.py).
"""

from collections.abc import Iterable
from pathlib import Path


class BessError(Exception):
    """Something a user can act on; printed by the CLI without a traceback.

    Args:
        problem: what is wrong, one plain sentence.
        dataset: canonical dataset or table name.
        file: the file it was found in.
        column: the column, as the file spells it where that is known.
        day: the operating day, ISO.
        expected: what was expected instead.
        remedy: what to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        dataset: str | None = None,
        file: Path | str | None = None,
        column: str | None = None,
        day: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Keep each part by name, and put them together as the message."""
        self.problem = problem
        self.dataset = dataset
        self.file = str(file) if file is not None else None
        self.column = column
        self.day = day
        self.expected = expected
        self.remedy = remedy
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterable[str]:
        yield self.problem
        for label in ("dataset", "file", "column", "day", "expected", "remedy"):
            value = getattr(self, label)
            if value:
                yield f"  {label}: {value}"


class InputError(BessError):
    """A rollup or report cannot be used as it is."""


class RegistryTableError(BessError):
    """The user's battery table (BESS_REGISTRY) contradicts itself or the data."""


class InvariantError(BessError):
    """A result breaks a rule that must hold before it may be written."""


class SettingsError(BessError):
    """A setting cannot be read or points nowhere."""


class NotRefreshedError(BessError):
    """A result was asked for that no refresh has written yet."""


class YearBusyError(BessError):
    """Another process is refreshing this year."""
