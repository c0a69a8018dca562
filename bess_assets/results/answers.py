"""What a question is answered with: rows, and the same as Arrow or pandas.

Belongs here: the types of answers, and the errors of questions that have none.
Does not: finding the rows (queries.py), laying them out (text.py). Arrow and pandas are imported where they are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from bess_assets.errors import BessError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class QueryError(BessError):
    """A question that cannot be answered as it was asked."""


class StillRunningError(QueryError):
    """A query took too long and heeded no interrupt: its thread ends when DuckDB does. The process lives, and later questions are answered."""


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

        types = self.types or ("",) * len(self.columns)
        values = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        arrays = [_arrow_array(column, name) for column, name in zip(values, types, strict=True)]
        return pa.Table.from_arrays(arrays, names=list(self.columns))

    def to_pandas(self) -> "pd.DataFrame":
        """The same as a DataFrame: days and times as datetime64, unknown numbers as NaN."""
        frame: pd.DataFrame = self.to_arrow().to_pandas(date_as_object=False)
        return frame

    def copy(self) -> Self:
        """The same rows in a list of their own."""
        return self._replace(rows=list(self.rows))


class BatteryAnswer(NamedTuple):
    """What is known of one battery.

    Attributes:
        battery: its stable key.
        years: its row of each yearly leaderboard, with the year in front and `rank_change` at the end.
        months: its rows of the monthly leaderboards, with year and month in front.
        best_days: its days of highest total_usd, highest first.
    """

    battery: str
    years: Answer
    months: Answer
    best_days: Answer

    def copy(self) -> Self:
        """The same rows in lists of their own."""
        return self._replace(years=self.years.copy(), months=self.months.copy(), best_days=self.best_days.copy())


def _arrow_array(values: Sequence[Any], type_name: str) -> "pa.Array":
    import pyarrow as pa  # noqa: PLC0415  see `Answer.to_arrow`

    types: Mapping[str, pa.DataType] = {
        "VARCHAR": pa.string(),
        "DOUBLE": pa.float64(),
        "FLOAT": pa.float32(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    }
    if type_name == "HUGEINT" and any(value is not None and abs(value) >= 2**63 for value in values):
        return pa.array(
            values, pa.decimal256(39, 0)
        )  # sums of counts are HUGEINT in DuckDB and nearly always fit int64
    return pa.array(values, pa.int64() if type_name == "HUGEINT" else types.get(type_name))
