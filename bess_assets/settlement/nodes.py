"""The settlement point of a battery hour by hour: that of its day-ahead rows, carried over hours without one; the user's nodes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

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
    """Nodes of a battery, carried over hours without one; the user's over them on the days for which they are given.

    Before `esr_boundary` those of its generation resource, from there on those of its storage resource.
    """
    boundary = esr_boundary(year)
    texts = Codes()
    codes = np.full(year.hours, -1, dtype=np.int64)
    for nodes, era in ((generation, slice(0, boundary)), (storage, slice(boundary, None))):
        if nodes is not None:
            codes[era] = texts.translate(nodes.codes[era].astype(np.int64), nodes.texts)
    codes = Nodes(codes, []).carried().codes.astype(np.int64)
    for row in user:
        if row.settlement_point is not None:
            first = year.hour_of_day_number(day_number(row.valid_from or date.min))
            last = year.hour_of_day_number(day_number(row.valid_to or date.max) + 1)
            codes[first:last] = texts.translate(np.zeros(1, dtype=np.int64), [row.settlement_point])
    return Nodes(codes, texts.texts)
