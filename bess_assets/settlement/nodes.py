"""The settlement point of a battery hour by hour: that of its day-ahead rows, carried over hours without one; the user's nodes first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.settlement.battery_table import UserRow


@dataclass(frozen=True)
class NodeGrid:
    """Nodes of some resources by hour.

    Attributes:
        codes: index into texts, -1 where unknown; shape (series, hours).
        texts: settlement point names.
    """

    codes: npt.NDArray[np.int32]
    texts: list[str]

    def one(self, series: int) -> "NodeGrid":
        """The grid of one series."""
        return NodeGrid(self.codes[series : series + 1], self.texts)

    def carried(self) -> "NodeGrid":
        """Hours without a node take the latest earlier one of the year, or the first of the year."""
        known = self.codes >= 0
        hours = np.arange(self.codes.shape[1])
        latest = np.maximum.accumulate(np.where(known, hours, -1), axis=1)
        first = np.where(known.any(axis=1), known.argmax(axis=1), 0)
        source = np.where(latest >= 0, latest, first[:, None])
        return NodeGrid(np.take_along_axis(self.codes, source, axis=1), self.texts)

    def at(self, hour: int) -> str | None:
        """Node of an hour, of a grid of one series."""
        code = int(self.codes[0, hour])
        return self.texts[code] if code >= 0 else None

    def distinct(self) -> list[str]:
        """All nodes in order of their first hour, of a grid of one series."""
        codes, first = np.unique(self.codes[0], return_index=True)
        return [self.texts[code] for code in codes[np.argsort(first)] if code >= 0]


def user_nodes(year: OperatingYear, grid: NodeGrid, rows: Sequence[Sequence[UserRow]]) -> NodeGrid:
    """The grid with the user's nodes on the days for which they are given.

    Args:
        year: the operating year.
        grid: nodes from the data.
        rows: the user's rows of each series.
    """
    codes, texts = grid.codes.copy(), list(grid.texts)
    for n, own in enumerate(rows):
        for row in own:
            if row.settlement_point is None:
                continue
            if row.settlement_point not in texts:
                texts.append(row.settlement_point)
            first = year.hour_of_day_number(day_number(row.valid_from)) if row.valid_from else 0
            last = year.hour_of_day_number(day_number(row.valid_to) + 1) if row.valid_to else year.hours
            codes[n, first:last] = texts.index(row.settlement_point)
    return NodeGrid(codes, texts)
