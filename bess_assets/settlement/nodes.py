"""The settlement point of a battery hour by hour: that of its day-ahead rows, carried over hours without one; the user's nodes first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bess_assets.ercot.arrays import CodeArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY
from bess_assets.ercot.rows import Codes
from bess_assets.settlement.battery_table import UserRow


@dataclass(frozen=True)
class Nodes:
    """Nodes by hour of a battery, or of one of its resources.

    Attributes:
        codes: index into texts, -1 where unknown; shape (hours,).
        texts: settlement point names.
    """

    codes: CodeArray
    texts: list[str]

    def carried(self) -> "Nodes":
        """Hours without a node take the latest earlier one of the year, or the first of the year."""
        known = self.codes >= 0
        latest = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
        return Nodes(self.codes[np.where(latest >= 0, latest, known.argmax())], self.texts)

    def at(self, hour: int) -> str | None:
        """Node of an hour."""
        code = int(self.codes[hour])
        return self.texts[code] if code >= 0 else None

    def distinct(self) -> list[str]:
        """All nodes in order of their first hour."""
        codes, first = np.unique(self.codes, return_index=True)
        return [self.texts[code] for code in codes[np.argsort(first)] if code >= 0]


def esr_boundary(year: OperatingYear) -> int:
    """Position of the first hour whose day-ahead rows are those of the ESR dataset, clipped to the year."""
    return year.hour_of_day_number(day_number(DAM_ESR_FIRST_DAY))


def battery_nodes(
    year: OperatingYear, generation: Nodes | None, storage: Nodes | None, user: Sequence[UserRow]
) -> Nodes:
    """Nodes of a battery: those of its generation resource before `esr_boundary`, of its storage resource from there on, carried; the user's over them."""
    boundary = esr_boundary(year)
    texts = Codes()
    codes = np.full(year.hours, -1, dtype=np.int64)
    for nodes, era in ((generation, slice(0, boundary)), (storage, slice(boundary, None))):
        if nodes is not None:
            codes[era] = texts.translate(nodes.codes[era].astype(np.int64), nodes.texts)
    return user_nodes(year, Nodes(codes, texts.texts).carried(), user)


def user_nodes(year: OperatingYear, nodes: Nodes, rows: Sequence[UserRow]) -> Nodes:
    """The nodes of a battery with those of the user's rows on the days for which they are given."""
    codes, texts = nodes.codes.copy(), list(nodes.texts)
    for row in rows:
        if row.settlement_point is None:
            continue
        if row.settlement_point not in texts:
            texts.append(row.settlement_point)
        first = year.hour_of_day_number(day_number(row.valid_from)) if row.valid_from else 0
        last = year.hour_of_day_number(day_number(row.valid_to) + 1) if row.valid_to else year.hours
        codes[first:last] = texts.index(row.settlement_point)
    return Nodes(codes, texts)
