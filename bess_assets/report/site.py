"""The site: all years as static files that open by double click and lie on any web server. `bess site` writes them, `bess serve` makes them when asked.

The page of a year is that of report/page.py; the other pages share its scripts, style and formats. Data are in script files, each of which hands its content
to `bess.put`, and are loaded when they are looked at: from a file no page can fetch anything else.
"""

import hashlib
import html
import io
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bess_assets.report import site_data
from bess_assets.report.content import Content, edition_words, read_content
from bess_assets.report.files import board_csv
from bess_assets.report.page import CODE, code, fill, made_up_mark, method, page_data, script_data, year_page
from bess_assets.report.workbook import write_workbook
from bess_assets.settings import Settings
from bess_assets.store.listing import nothing_yet, require, size_of, yearly_files
from bess_assets.store.paths import result_path
from bess_assets.store.whole import read_sealed, remove_unchanged, whole, write_json
from bess_assets.tables import ASKED_FOR, LEADERBOARD, LEADERBOARD_REPORT

PAGES = {
    "index": ("Years", "ERCOT battery leaderboard: all years"),
    "battery": ("Batteries", "One battery over all years"),
    "compare": ("Compare", "Batteries compared"),
    "groups": ("Groups", "Groups of batteries"),
    "indices": ("Indices", "Indices: what a kW earned"),
    "method": ("Method", "Method, and what is not in the numbers"),
    "dictionary": ("Data", "Data dictionary and downloads"),
}
"""Pages of the site beside those of the years, with the words of the links to them and their titles."""
SERVED = {"days": ("Any days", "Leaderboard of any days"), "api": ("API", "Questions as an API")}
"""Pages that ask a server of ours; likewise."""
MANIFEST = "site.json"
"""The file that names every other file of a site that was written, with its SHA-256."""
_AT_ONCE = 50  # batteries read in one go: more would take more memory and little less time


class Site:
    """The files of the site by their names, each made when it is asked for.

    Args:
        settings: where the results are.
        served: whether a server of ours answers questions beside the files.

    Raises:
        NotRefreshedError: there is no board of any year; or a table of a year is not there, or, when a file is made, is of an earlier version.
        DamagedError: a table is not as it was written.
    """

    def __init__(self, settings: Settings, *, served: bool = False) -> None:
        self._settings, self._served = settings, served
        self._pages = {**PAGES, **(SERVED if served else {})}
        self.years = list(yearly_files(settings.results, "leaderboard"))
        if not self.years:
            raise nothing_yet(settings.results)
        for table in (name for name in LEADERBOARD_REPORT.upstream if name not in ASKED_FOR):
            require(settings.results, table, None)
        self._makers: dict[str, Callable[[], str | bytes]] = {
            **{f"{name}.html": partial(self._page, name) for name in self._pages},
            **{f"{year}.html": partial(self._year_page, year) for year in self.years},
            **{f"code/{name}.js": partial(code, name) for name in (*CODE, "site")},
            "data/site.js": lambda: _put("site", site_data.all_years(self._contents)),
            "data/groups.js": lambda: _put("groups", site_data.groups_of_years(self._contents)),
            "data/indices.js": lambda: _put("indices", site_data.indices(self._settings, self._contents)),
            "data/dictionary.js": lambda: _put(
                "dictionary",
                {"tables": site_data.dictionary(), "files": {year: self._downloads(year) for year in self.years}},
            ),
            **{f"data/{year}.js": partial(self._year_data, year) for year in self.years},
            **{name: make for year in self.years for name, make in self._files(year).values()},
        }

    def content(self, name: str) -> bytes | None:
        """The content of a file of the site; None if it has none of that name."""
        if make := self._makers.get(name):
            made = make()
            return made.encode() if isinstance(made, str) else made
        battery = {self._file_of(n): battery for n, battery in enumerate(self._batteries)}.get(name)
        return None if battery is None else next(self._battery_files([battery]))[1].encode()

    def write(self, folder: Path, tell: Callable[[str, float], object]) -> tuple[int, int]:
        """Write all files into a folder, each whole before it replaces its predecessor; `tell` hears of each, and of the share that is done.

        Files of an earlier site there that this one doesn't have are removed: those that its `MANIFEST` names and nobody has changed since.

        Returns:
            how many files they are, and their bytes.
        """
        before, written, bytes_written = _files_written(folder), dict[str, str](), 0
        every = len(self._makers) + len(self._batteries)
        for name, made in self._every_file():
            content = made.encode() if isinstance(made, str) else made
            with whole(folder / name) as temporary:
                temporary.write_bytes(content)
            written[name] = hashlib.sha256(content).hexdigest()
            bytes_written += len(content)
            tell(f"{len(written):,} of {every:,} files, {bytes_written / 1e6:,.0f} MB: {name}", len(written) / every)
        remove_unchanged(folder, {name: digest for name, digest in before.items() if name not in written})
        write_json(folder / MANIFEST, {"files": written})
        return len(written) + 1, bytes_written + size_of(folder / MANIFEST)

    def _every_file(self) -> Iterator[tuple[str, str | bytes]]:
        # The pages last: where a page is new, its data are.
        yield from ((name, make()) for name, make in self._makers.items() if not name.endswith(".html"))
        yield from self._battery_files(self._batteries)
        yield from ((name, make()) for name, make in self._makers.items() if name.endswith(".html"))

    # --- contents ---------------------------------------------------------------------------------------------------------------------------

    @cached_property
    def _contents(self) -> list[Content]:
        # Without their days: of many years these take a gigabyte, and only a year's own page shows them.
        return [read_content(self._settings, year, with_days=False) for year in self.years]

    @cached_property
    def _batteries(self) -> list[str]:
        return sorted({row["battery"] for content in self._contents for row in content.board})

    def _content(self, year: int) -> Content:
        return self._contents[self.years.index(year)]

    @property
    def _made_up(self) -> bool:
        return any(content.made_up for content in self._contents)

    # --- data -------------------------------------------------------------------------------------------------------------------------------

    def _year_data(self, year: int) -> str:
        others = [[other, f"{other}.html"] for other in self.years if other != year]
        links = {"years": others, "files": self._downloads(year), "battery_page": "battery.html"}
        return _put(str(year), {**page_data(read_content(self._settings, year)), **links})

    def _file_of(self, n: int) -> str:
        # A number, and not the battery's name: names come from the data.
        return f"data/batteries/{n:04d}.js"

    def _battery_files(self, batteries: list[str]) -> Iterator[tuple[str, str]]:
        for first in range(0, len(batteries), _AT_ONCE):
            some = batteries[first : first + _AT_ONCE]
            found = site_data.batteries_over_years(self._settings, self._contents, some)
            for battery in some:
                name = self._file_of(self._batteries.index(battery))
                data = {**found[battery], "columns": site_data.COLUMNS_OF_BATTERIES}
                yield name, _put(name.removeprefix("data/").removesuffix(".js"), data)

    def _downloads(self, year: int) -> list[tuple[str, str]]:
        return [(label, name) for label, (name, _) in self._files(year).items()]

    def _files(self, year: int) -> dict[str, tuple[str, Callable[[], str | bytes]]]:
        """Name and maker of the files of a year that people take away, by label."""
        yearly, monthly = (
            result_path(self._settings.results, table, year) for table in ("leaderboard", "leaderboard_monthly")
        )
        return {
            "Workbook": (f"files/leaderboard_{year}.xlsx", partial(self._workbook, year)),
            "CSV": (f"files/leaderboard_{year}.csv", partial(self._csv, year)),
            "Parquet": (f"files/leaderboard_{year}.parquet", yearly.read_bytes),
            "Parquet of months": (f"files/leaderboard_monthly_{year}.parquet", monthly.read_bytes),
        }

    def _workbook(self, year: int) -> bytes:
        file = io.BytesIO()
        # The days of a year take ten times the rest.
        write_workbook(self._content(year), file, days=False)
        return file.getvalue()

    def _csv(self, year: int) -> str:
        content = self._content(year)
        return "".join(board_csv(LEADERBOARD, content.board, content.made_up))

    # --- pages ------------------------------------------------------------------------------------------------------------------------------

    def _page(self, name: str) -> str:
        main = method() if name == "method" else ""
        return fill(
            "site.html",
            self._pages[name][1],
            self._policy(),
            f' data-shows="{name}"{self._marks()}',
            made_up=made_up_mark(self._made_up),
            nav=self._nav(name),
            main=main,
            provenance=html.escape("; ".join(f"{own.year}: {edition_words(own.facts)}" for own in self._contents)),
            scripts="\n".join(_scripts([*CODE[:-1], "site"], ["site"])),
        )

    def _year_page(self, year: int) -> str:
        scripts = _scripts(CODE, [str(year)])
        return year_page(
            self._content(year), f' data-shows="{year}"{self._marks()}', self._policy(), scripts, self._nav("")
        )

    def _marks(self) -> str:
        return ' data-served="true"' if self._served else ""

    def _policy(self) -> str:
        return "script-src 'self'; connect-src 'self'" if self._served else "script-src 'self' file:"

    def _nav(self, current: str) -> str:
        links = (
            f'<a href="{name}.html"{" aria-current=page" if name == current else ""}>{label}</a>'
            for name, (label, _) in self._pages.items()
        )
        return f'<nav class="site" aria-label="The site">{"".join(links)}</nav>'


def _files_written(folder: Path) -> dict[str, str]:
    """Files of the site that was written into a folder, with their digests; none where its manifest is not there or not as it was written."""
    try:
        return dict(read_sealed(folder / MANIFEST)["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _scripts(names: Any, data: list[str]) -> list[str]:
    """Elements that load scripts: the first ones, the data, and last the one that shows them."""
    *first, last = names
    sources = [*(f"code/{name}.js" for name in first), *(f"data/{name}.js" for name in data), f"code/{last}.js"]
    return [f'<script src="{source}"></script>' for source in sources]


def _put(name: str, value: Any) -> str:
    return f"bess.put({script_data(name)}, {script_data(value)});\n"
