"""The page: one HTML file with its data, its code and its style, which requests nothing from any server.

Text from the data is in the page as JSON in a block that no browser runs; the scripts make text nodes of it. The content security policy forbids every
request, and every script but those that are named by their digests.
"""

import html
import importlib.util
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

from bess_assets.errors import BessError
from bess_assets.report.content import STREAMS, Content, edition_parts
from bess_assets.settlement.metrics import (
    DURATION_LIMITS_HOURS,
    LEAST_ACTIVE_DAYS_MONTH,
    LEAST_ACTIVE_DAYS_YEAR,
    LEAST_COVERAGE,
)
from bess_assets.store.listing import NOTE
from bess_assets.tables import LEADERBOARD, LEADERBOARD_REPORT

_OF_THE_BATTERY = (
    "battery", "gen_resource", "load_resource", "esr_resource", "settlement_point", "qse", "capacity_mw", "capacity_source",
    "energy_mwh", "duration_hours", "duration_source", "first_active_date", "attributes",
)  # fmt: skip
_OF_THE_ROW = [c for c in LEADERBOARD.columns if c.name not in {*_OF_THE_BATTERY, "data_through", "edition"}]
_FILES = {"Workbook": 1, "CSV": 2, "CSV of months": 3}
"""Files beside the page that it leads to, by their places in `LEADERBOARD_REPORT.files`."""
ALL_YEARS = "index.html"
"""The page of all years, in the folder that holds those of the years."""
CODE = ("d3", "plot", "tables", "base", "charts", "board")
"""Scripts of the page, in their order."""
_VENDORED = {"d3": "vendor/d3-7.9.2.min.js", "plot": "vendor/plot-0.6.17.min.js"}
"""Libraries kept in this package as published on npm; vendor/LICENSES.txt has their licences."""
_TEXTS = [c.name for c in _OF_THE_ROW if c.kind in {"text", "label"}]  # few ones, each written once
_NUMBERS = [c.name for c in _OF_THE_ROW if c.name not in _TEXTS and not c.name.endswith(("_da_usd", "_rt_usd"))]


def page_html(content: Content) -> str:
    """The page of a year, complete.

    Raises:
        BessError: a library that it embeds is not installed, or not as it is expected.
    """
    texts = [code(name) for name in CODE]
    allowed = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts)
    data = {**page_data(content), **_links(content)}
    scripts = [f'<script type="application/json" id="data">{script_data(data)}</script>']
    scripts += [f"<script>{text}</script>" for text in texts]
    return year_page(content, "", f"script-src {allowed}", scripts)


def year_page(content: Content, shows: str, script_policy: str, scripts: Sequence[str], site: str = "") -> str:
    """The page of a year with these scripts.

    Args:
        content: of the year.
        shows: attributes of the root element, which name the data shown.
        script_policy: what the content security policy says of scripts.
        scripts: elements that bring data and code.
        site: links to the other pages of a site; empty where the page is alone.
    """
    shares = content.price_shares
    return fill(
        "page.html",
        content.title,
        script_policy,
        shows,
        site=site,
        made_up=made_up_mark(content.made_up),
        prices=f'<p class="remark">Prices of {html.escape(shares)}.</p>' if shares else "",
        year=str(content.year),
        method=method(),
        scripts="\n".join(scripts),
    )


def years_html(years: Iterable[int]) -> str:
    """The page that leads to those of all years, for the folder that holds theirs."""
    page = LEADERBOARD_REPORT.files[0]
    links = (f'<li><a href="{year}/{page.format(year=year)}">{year}</a></li>' for year in years)
    return fill("years.html", "ERCOT battery leaderboard: all years", "script-src 'none'", years="".join(links))


def method() -> str:
    """What the figures are and are not, as HTML."""
    return _filled(
        _static("method.html"),
        least_coverage=f"{LEAST_COVERAGE:.0%}".rstrip("%"),
        days_year=str(LEAST_ACTIVE_DAYS_YEAR),
        days_month=str(LEAST_ACTIVE_DAYS_MONTH),
    )


def fill(template: str, title: str, policy: str, shows: str = "", **parts: str) -> str:
    """A page of a template with the style and a policy that allows these scripts and connections, and else nothing; `shows` are attributes of its root."""
    whole_policy = (
        f"default-src 'none'; {policy}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    style, allowed = _static("page.css"), html.escape(whole_policy)
    head = _filled(_static("head.html"), title=title, shows=shows, style=style, policy=allowed)
    return _filled(_static(template), head=head, title=title, **parts)


def _filled(template: str, **parts: str) -> str:
    # In one pass, so that no part is searched for the marks of another.
    return re.sub(r"@@(\w+)@@", lambda mark: parts[mark[1]], template)


def made_up_mark(made_up: bool) -> str:
    """The line at the top of a page that says its data are made up; empty where they are not."""
    return f'<p class="notice made-up" role="note">{html.escape(NOTE)}</p>\n' if made_up else ""


def script_data(value: Any) -> str:
    """A value as JSON without a character that could end its block, or begin a comment or a script."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=date.isoformat)
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def page_data(content: Content) -> dict[str, Any]:
    """The data of the page: boards as columns at full precision, days to the cent."""
    texts: dict[str | None, int] = {}
    batteries = {row["battery"]: n for n, row in enumerate(content.board)}
    starts = [content.start_years.get(name) for name in batteries]
    return {
        "year": content.year,
        **content.facts,
        "edition_parts": edition_parts(content.facts),
        "duration_limits_hours": DURATION_LIMITS_HOURS,
        "streams": [[column, *names] for column, names in STREAMS.items()],
        "batteries": {
            **{name: [row[name] for row in content.board] for name in _OF_THE_BATTERY},
            "start_year": [start[0] if start else None for start in starts],
            "perhaps_earlier": [bool(start and start[1]) for start in starts],
        },
        "periods": [
            {
                "month": month,
                "fleet": fleet,
                "battery": [batteries[row["battery"]] for row in rows],
                "rank_change": [row["rank_change_month" if month else "rank_change"] for row in rows],
                **{name: [row[name] for row in rows] for name in _NUMBERS},
                **{name: [texts.setdefault(row[name], len(texts)) for row in rows] for name in _TEXTS},
            }
            for month, rows, fleet in content.periods
        ],
        "texts": list(texts),
        "days": _days(content.days, batteries),
        "inputs": [[name, "+".join(part[:12] for part in digest.split("+"))] for name, digest in content.inputs],
    }


def _links(content: Content) -> dict[str, Any]:
    """Where the page leads: to the pages of the years before, to the one that later years are found on too, and to the files beside it."""
    names = LEADERBOARD_REPORT.files
    return {
        "years": [
            *([year, f"../{year}/{names[0].format(year=year)}"] for year in content.earlier_years),
            ["all", f"../{ALL_YEARS}"],
        ],
        "files": [[label, names[n].format(year=content.year)] for label, n in _FILES.items()],
    }


def _days(days: Mapping[str, Sequence[Any]], batteries: Mapping[str, int]) -> list[dict[str, Any] | None]:
    """For each battery its first day, and dollars of energy and of ancillary services from it on, to the cent; None on a day without a row."""
    found: list[dict[str, Any] | None] = [None] * len(batteries)
    energies, services = (
        [None if usd is None else round(usd, 2) for usd in days[name]] for name in ("energy_usd", "as_usd")
    )
    rows = zip(days["battery"], days["operating_day"], energies, services, strict=True)
    for battery, group in groupby(rows, key=lambda row: row[0]):
        by_day = {day.toordinal(): usd for _, day, *usd in group}
        first = min(by_day)
        energy, service = zip(*[by_day.get(day, (None, None)) for day in range(first, max(by_day) + 1)], strict=True)
        found[batteries[battery]] = {"first": date.fromordinal(first), "energy": energy, "as": service}
    return found


# --- embedded code ------------------------------------------------------------------------------------------------------------------------


@lru_cache
def _static(name: str) -> str:
    return (resources.files("bess_assets.report") / "static" / name).read_text(encoding="utf-8")


@lru_cache
def code(name: str) -> str:
    """A script of the page or the site, as a page can hold it."""
    return _tables_code() if name == "tables" else _as_script(_static(_VENDORED.get(name, f"{name}.js")))


@lru_cache
def _tables_code() -> str:
    """DataTables as the package itables brings it: a module, made a plain script that leaves the one name `DataTable`."""
    text = _library_text("itables", "html/dt_bundle.js")
    export = re.search(r"export\s*\{[^{}]*?([\w$]+)\s+as\s+default\b[^{}]*\}\s*;?", text)
    if export is None:
        raise BessError(
            "The table library cannot be embedded.",
            file="itables/html/dt_bundle.js",
            expected="a module with a default export",
            remedy="Install the version that constraints.txt names.",
        )
    body = text[: export.start()] + f"globalThis.DataTable={export[1]};" + text[export.end() :]
    return _as_script('(()=>{"use strict";' + body + "\n})();")


def _library_text(package: str, name: str) -> str:
    """A file of a package, whose Python is not loaded; every line ending as one character, as a browser takes it for a script's digest."""
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin if spec and spec.origin else package).parent / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BessError(
            f"The leaderboard page needs the package {package}, with a file that is not there.",
            file=path,
            remedy=f"Install the version that constraints.txt names: python -m pip install {package}",
        ) from error


def _as_script(text: str) -> str:
    """Code that a page can hold: text that would end its element, or hide its end, is escaped, as strings and comments allow."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", text, flags=re.IGNORECASE)
