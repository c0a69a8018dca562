"""Rows that answer a question, the same as Arrow or pandas, their mark where they are made up, and the errors of questions without an answer."""

from collections.abc import Collection
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from bess_assets.errors import BessError
from bess_assets.store.listing import MADE_UP, MADE_UP_COLUMN

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


_ARROW = {  # Arrow's name of DuckDB's types; another type is that of the values
    "VARCHAR": "string",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BIGINT": "int64",
    "HUGEINT": "int64",  # of sums of counts, nearly all of which fit
    "INTEGER": "int32",
    "BOOLEAN": "bool",
    "DATE": "date32",
    "TIMESTAMP": "timestamp[us]",
}


ROWS_IN_NOTEBOOKS = 60


class QueryError(BessError):
    """A question that cannot be answered as it was asked."""


class StillRunningError(QueryError):
    """A query took too long and did not heed the interrupt: its thread ends when DuckDB does, and later questions are answered meanwhile."""


class UnansweredError(QueryError):
    """DuckDB gave no answer: the question is wrong, or a file is damaged, or was replaced while it was read."""


class Answer(NamedTuple):
    """Rows of an answer.

    Attributes:
        columns: their names, in order.
        rows: one tuple a row; None is unknown.
        types: DuckDB's type of each column; empty if not known.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    types: tuple[str, ...] = ()

    def records(self) -> list[dict[str, Any]]:
        """The rows as mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """The values of one column; ValueError if there is none of that name."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def to_arrow(self) -> "pa.Table":
        """The same as an Arrow table: a column that is wholly unknown keeps its type; None becomes null."""
        import pyarrow as pa  # noqa: PLC0415  answers are printed without it

        values = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        arrays = []
        for column, name in zip(values, self.types or [""] * len(self.columns), strict=True):
            kind = pa.type_for_alias(_ARROW[name]) if name in _ARROW else None
            if name == "HUGEINT" and any(value is not None and abs(value) >= 2**63 for value in column):
                kind = pa.decimal256(39, 0)
            arrays.append(pa.array(column, pa.timestamp("us", "UTC") if name == "TIMESTAMP WITH TIME ZONE" else kind))
        return pa.Table.from_arrays(arrays, names=list(self.columns))

    def to_pandas(self) -> "pd.DataFrame":
        """The same as a DataFrame: days and times as datetime64, unknown numbers as NaN."""
        frame: pd.DataFrame = self.to_arrow().to_pandas(date_as_object=False)
        return frame

    def _repr_html_(self) -> str:
        """The first rows as a table, for notebooks."""
        from html import escape  # noqa: PLC0415  for notebooks alone

        from bess_assets.text import UNKNOWN, any_value, one_line  # noqa: PLC0415

        def cell(value: Any) -> str:
            align = "left" if value is None or isinstance(value, str) else "right"
            return f'<td style="text-align:{align}">{UNKNOWN if value is None else escape(one_line(any_value(value)))}</td>'

        heading = "".join(f"<th>{escape(one_line(name))}</th>" for name in self.columns)
        lines = [f"<tr>{''.join(map(cell, row))}</tr>" for row in self.rows[:ROWS_IN_NOTEBOOKS]]
        shown = "" if len(lines) == len(self.rows) else f"the first {len(lines)} of "
        count = f"{shown}{len(self.rows):,} row{'s' * (len(self.rows) != 1)}"
        return f"<table><thead><tr>{heading}</tr></thead><tbody>{''.join(lines)}</tbody></table><p>{count}</p>"


class BatteryAnswer(NamedTuple):
    """What is known of one battery.

    Attributes:
        battery: its stable key.
        years: its row of each yearly leaderboard, with the year in front and `rank_change` at the end.
        months: its rows of the monthly leaderboards, with year and month in front, `rank_change` and `rank_change_month` at the end.
        best_days: its days of highest total_usd, highest first.
    """

    battery: str
    years: Answer
    months: Answer
    best_days: Answer

    def _repr_html_(self) -> str:
        """Its years, months and best days as tables, for notebooks."""
        from html import escape  # noqa: PLC0415  for notebooks alone

        parts = (("years", self.years), ("months", self.months), ("best days", self.best_days))
        return "".join(f"<h4>{escape(self.battery)}: {name}</h4>{part._repr_html_()}" for name, part in parts)


def marked(answer: Answer, made_up: Collection[int] | bool) -> Answer:
    """An answer with `MADE_UP_COLUMN` at its end if a row of it is made up; others as they are.

    Args:
        answer: rows of one year or of several.
        made_up: whether all rows are; or the made-up years, of answers with a column year or operating_day.
    """
    if not made_up:
        return answer
    marks: list[str | None] = [MADE_UP] * len(answer.rows)
    if not isinstance(made_up, bool):
        years = answer.column("year") if "year" in answer.columns else [d.year for d in answer.column("operating_day")]
        marks = [MADE_UP if year in made_up else None for year in years]
        if not any(marks):
            return answer
    rows = [(*row, mark) for row, mark in zip(answer.rows, marks, strict=True)]
    return Answer(with_mark(answer.columns), rows, (*answer.types, "VARCHAR") if answer.types else ())


def with_mark(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Columns with that of the mark, under a name that none of them has."""
    return (*columns, next(name for name in (MADE_UP_COLUMN + "_" * n for n in count()) if name not in columns))
