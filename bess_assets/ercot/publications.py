"""The reports that ERCOT posts, by their ids: when, how often, which datasets they hold, and which of their documents a year needs.

A *document* is one file that ERCOT posted, with a number of its own. Ids, and the days that the public list shows, are from public sources of 2026; sizes are
estimates.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.products import DISCLOSURE_LAG_DAYS

Kind = Literal["day", "history", "correction"]

_RUNS_A_DAY = 290
_DISCLOSED_LATE = timedelta(days=2)
"""A day counts as missing this long after it was to be posted."""
_INTERVAL_END = re.compile(r"(?<!\d)(20\d{6})_(\d{2})(\d{2})(?!\d)")
_YEAR = re.compile(r"(?<!\d)20\d{2}(?!\d)")
_FILE = re.compile(r"(?:rpt|cdr)\.\d{8}\.(\d{16})\.(\d{8})\.(\d{9})\.(.+)\.(?:zip|xlsx)")


@dataclass(frozen=True)
class Publication:
    """One of ERCOT's reports.

    Attributes:
        emil: its id in ERCOT's list of reports.
        type_id: number of its type, by which the public list is asked; 0 where it is not known.
        title: its name.
        datasets: what it holds.
        kind: `day`: a document is of a day or a part of one. `history`: it holds a year, and is posted anew. `correction`: corrected prices of some days.
        lag: from the operating day to the day on which it is posted.
        a_day: documents an operating day.
        document_bytes: estimated size of a document.
        shown_days: how many days the public list goes back, where it is known.
    """

    emil: str
    type_id: int
    title: str
    datasets: tuple[str, ...]
    kind: Kind = "day"
    lag: timedelta = timedelta(0)
    a_day: int = 1
    document_bytes: int = 10_000
    shown_days: int | None = None

    @property
    def first_day(self) -> date:
        """First operating day of which it holds anything that is used."""
        return min(DATASETS[name].first_day for name in self.datasets)

    def begins(self, year: int) -> datetime:
        """When the first document that a year may need was posted."""
        return datetime.combine(max(date(year, 1, 1), self.first_day) + self.lag - timedelta(days=1), time(0))

    def ends(self, year: int, now: datetime) -> datetime:
        """Up to when its documents are listed for a year: to now where one a day is posted, since a restated one may come at any time."""
        several = self.kind == "day" and self.a_day > 1
        return min(now, datetime.combine(date(year + 1, 1, 2), time(0))) if several else now

    def days_due(self, year: int, now: datetime) -> list[date]:
        """Operating days of a year of which a document must have been posted by now."""
        first, last = max(date(year, 1, 1), self.first_day), (now - self.lag - _DISCLOSED_LATE).date()
        return [first + timedelta(days=n) for n in range((min(date(year, 12, 31), last) - first).days + 1)]


_DAY_AHEAD, _SIXTY_DAYS, _INTERVAL = timedelta(days=-1), timedelta(days=DISCLOSURE_LAG_DAYS), timedelta(minutes=15)
PUBLICATIONS = (
    Publication(
        "NP3-966-ER", 13051, "60-Day DAM Disclosure Reports",
        ("dam_gen_resources", "dam_load_resources", "dam_esr_resources"), lag=_SIXTY_DAYS, document_bytes=5_000_000, shown_days=1462,
    ),
    Publication(
        "NP3-965-ER", 13052, "60-Day SCED Disclosure Reports",
        ("sced_gen_resources", "sced_load_resources", "sced_esr_resources", "sced_smne"), lag=_SIXTY_DAYS, document_bytes=20_000_000, shown_days=1462,
    ),
    Publication("NP1-301", 10038, "60-Day COP Adjustment Period Snapshot", ("cop_snapshots",), lag=_SIXTY_DAYS, document_bytes=2_000_000),
    Publication("NP4-190-CD", 12331, "DAM Settlement Point Prices", ("da_prices",), lag=_DAY_AHEAD, document_bytes=150_000, shown_days=31),
    Publication("NP4-188-CD", 12329, "DAM Clearing Prices for Capacity", ("as_prices",), lag=_DAY_AHEAD, document_bytes=1_500, shown_days=31),
    Publication(
        "NP6-905-CD", 12301, "Settlement Point Prices at Resource Nodes, Hubs and Load Zones", ("rt_prices",),
        lag=_INTERVAL, a_day=96, document_bytes=12_000, shown_days=7,
    ),
    Publication(
        "NP6-331-CD", 24898, "Real-Time Clearing Prices for Capacity by 15-Minute Settlement Interval", ("rt_as_prices",),
        lag=_INTERVAL, a_day=96, document_bytes=500, shown_days=7,
    ),
    Publication(
        "NP6-332-CD", 24891, "Real-Time Clearing Prices for Capacity by SCED Interval", ("sced_as_prices",),
        lag=_INTERVAL, a_day=_RUNS_A_DAY, document_bytes=500, shown_days=7,
    ),
    Publication(
        "NP6-323-CD", 13221, "Real-Time Price Adders by SCED Interval", ("sced_as_adders",),
        lag=_INTERVAL, a_day=_RUNS_A_DAY, document_bytes=600, shown_days=5,
    ),
    Publication("NP4-181-ER", 13091, "Historical DAM Clearing Prices for Capacity", ("as_prices",), "history", document_bytes=500_000),
    Publication("NP6-796-ER", 0, "Historical Real-Time Clearing Prices for Capacity by 15 Minutes", ("rt_as_prices",), "history", document_bytes=6_000_000),
    Publication("NP6-795-ER", 0, "Historical Real-Time Clearing Prices for Capacity by SCED", ("sced_as_prices",), "history", document_bytes=15_000_000),
    Publication("NP6-792-ER", 13231, "Historical Real-Time Price Adders by SCED Interval", ("sced_as_adders",), "history", document_bytes=15_000_000),
    Publication("NP4-196-M", 13044, "DAM Price Corrections", ("da_prices", "as_prices"), "correction", document_bytes=50_000),
    Publication("NP4-197-M", 13045, "RTM Price Corrections", ("rt_prices", "rt_as_prices", "sced_as_prices"), "correction", document_bytes=50_000),
)  # fmt: skip
"""The reports that figures are made of. Hub and zone histories are not among them: a battery is priced at its node."""


class Document(NamedTuple):
    """One file that ERCOT posted.

    Attributes:
        number: ERCOT's own of the document.
        name: as ERCOT calls it.
        posted: when, Central time.
    """

    number: int
    name: str
    posted: datetime


def file_name(publication: Publication, document: Document, ending: str = "zip") -> str:
    """Name of a document's file, as ERCOT builds names: type, number of the document where ERCOT has zeros, time of posting, title."""
    kind = "rpt" if publication.lag.days > 1 else "cdr"
    stamp = f"{document.posted:%Y%m%d.%H%M%S}{document.posted.microsecond // 1000:03d}"
    return f"{kind}.{publication.type_id:08d}.{document.number:016d}.{stamp}.{document.name}.{ending}"


def document_of(name: str) -> Document | None:
    """The document that a file of this name holds; None for a file that was not fetched."""
    match = _FILE.fullmatch(name)
    if match is None or not int(match[1]):
        return None
    moment = datetime.fromisoformat(f"{match[2]}T{match[3][:6]}") + timedelta(milliseconds=int(match[3][6:]))
    return Document(int(match[1]), match[4], moment)


def publications_of(years: Iterable[int], datasets: Collection[str] = ()) -> list[Publication]:
    """Reports of which years need documents; of all datasets if none is named."""
    last = date(max(years), 12, 31)
    return [
        p for p in PUBLICATIONS if p.first_day <= last and (not datasets or not set(datasets).isdisjoint(p.datasets))
    ]


def tells_its_year(path: Path) -> bool:
    """Whether the name of a file among the reports speaks of the year that it holds: that of a fetched document of a day says when it was posted."""
    publication = next((p for p in PUBLICATIONS if p.emil == path.parent.parent.name), None)
    posted_alone = publication is not None and publication.kind == "day" and publication.a_day == 1
    return not posted_alone or document_of(path.name) is None


def day_of(publication: Publication, document: Document) -> date:
    """The operating day that a document is of, by the interval in its name, else by the time at which it was posted."""
    if match := _INTERVAL_END.search(document.name):
        with suppress(ValueError):  # a number that is no date
            ends = datetime.fromisoformat(match[1]) + timedelta(hours=int(match[2]), minutes=int(match[3]))
            return (ends - timedelta(minutes=1)).date()
    return (document.posted - publication.lag).date()


def documents_of_year(publication: Publication, year: int, documents: Sequence[Document]) -> list[Document]:
    """The documents that a year needs among those listed, in the order of posting.

    Of a report of a day those of its days, and later ones that may restate them: of another name than usual, or posted on the same day as another. Of a
    history the newest of each name that speaks of the year or of none.
    """
    ordered = sorted(documents, key=lambda document: (document.posted, document.number))
    if publication.kind == "correction":
        return [document for document in ordered if document.posted.year in {year, year + 1}]
    if publication.kind == "history":
        newest = {d.name: d for d in ordered if str(year) in (_YEAR.findall(d.name) or [str(year)])}
        return list(newest.values())
    names = Counter(_title(document) for document in ordered)
    usual = names.most_common(1)[0][0] if names else ""
    a_day = Counter((_title(document), document.posted.date()) for document in ordered)

    def restates(document: Document, day: date) -> bool:
        once = a_day[_title(document), document.posted.date()] == 1
        return publication.a_day == 1 and day.year > year and not (once and _title(document) == usual)

    days = ((document, day_of(publication, document)) for document in ordered)
    return [document for document, day in days if day.year == year or restates(document, day)]


def missing_days(publication: Publication, year: int, documents: Iterable[Document], now: datetime) -> list[date]:
    """Operating days of a year of which no document was posted when it was due."""
    there = {day_of(publication, document) for document in documents}
    return [day for day in publication.days_due(year, now) if day not in there] if publication.kind == "day" else []


def _title(document: Document) -> str:
    return re.sub(r"\d{4,}", "", document.name)
