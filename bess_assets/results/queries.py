"""Questions over `<results>/<table>/<year>.parquet`: boards, one battery, the fleet, nodes, SQL.

engine.py limits what DuckDB may do, cache.py keeps answers in memory, sums.py adds up periods that no table holds.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from bess_assets.errors import NotRefreshedError
from bess_assets.results.answers import Answer, BatteryAnswer, QueryError, marked, with_mark
from bess_assets.results.asked import (
    Year,
    day_of,
    days_of,
    key_of,
    known_name,
    refuse_month,
    refuse_no_rows,
    refuse_period,
    shown,
    year_of,
)
from bess_assets.results.cache import AnswerCache, CacheInfo
from bess_assets.results.engine import PERIODS, Engine, Step, literal, read, refuse_long, rows_of, tables_in, with_year
from bess_assets.results.statements import (
    attribution,
    best_days_of,
    class_of,
    market_of,
    perfect,
    use,
    with_rank_changes,
)
from bess_assets.results.watch import Watch, watched
from bess_assets.settings import Settings, load_settings
from bess_assets.store import listing
from bess_assets.store.listing import MADE_UP, made_up_years

if TYPE_CHECKING:
    from bess_assets.tables import Table

BEST_DAYS = 10
"""How many of a battery's best days `Results.battery` returns."""

# SQL that may be answered differently next time although no table of ours has changed: it is asked anew each time.
_NOT_KEPT = (
    r"\b(random|\w*uuid\w*|now|today|age|(?:get_)?current_\w+|transaction_timestamp|localtime\w*|\w*nextval|currval|setseed|txid\w*|sample|tablesample"
    r"|query|query_table|glob|read_\w+|sniff_\w+|\w*parquet\w*|json_execute\w*|duckdb_\w+|pragma_\w+|information_schema|show|stats)\b|(?:\bfrom|\bjoin|,)\s*'"
)


class Results:
    """The result tables of one home, read-only.

    It sees the files that exist when a question is asked, so a refresh is seen at once. Answers are kept in memory until a file they were read from
    changes; `cache_info` counts hits, `statistics` the questions. Several threads may use one object. Answers of years made of simulated inputs have a
    last column `data`, made-up in the rows of those years.

    In all questions a battery's `name` is its stable key or the name of its generation, load or storage resource, in any case; a `year` is a number or
    its text, and None stands for every year that has a leaderboard; `by` says whether a row is a day, a month or a year; days are dates or their ISO
    texts, the last one itself included; `top` cuts the answer to its first rows.

    Every question raises NotRefreshedError where a table it needs has not been written, and QueryError where it cannot be answered as asked (no such
    battery, month or column, days that run backwards) or takes longer than `query_timeout_seconds`.
    """

    def __init__(
        self, home: Settings | str | Path | None = None, *, cache_bytes: int = 256_000_000, cache_entries: int = 256
    ) -> None:
        """Open nothing yet.

        Args:
            home: the folder in which a refresh keeps all it makes, as BESS_HOME names it, which is used if none is given; or settings, with limits of memory,
                threads and time.
            cache_bytes: what answers kept in memory may take, about.
            cache_entries: how many are kept; 0 keeps none.
        """
        self._settings = home if isinstance(home, Settings) else load_settings(home)
        self._engine, self._cache = Engine(self._settings), AnswerCache(cache_bytes, cache_entries)
        self._watch = Watch(self._cache, self._bring)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connection; a later question opens a new one."""
        self._engine.close()

    def cache_info(self) -> CacheInfo:
        """Hits, misses and hit rate of the answers kept in memory, how many there are and what they take."""
        return self._cache.info()

    def statistics(self) -> Answer:
        """How often each kind of question was asked and answered from memory, with how many rows, and how long it took.

        Columns: question (the method), asked, from_memory, rows, median_seconds, p95_seconds, longest_seconds (of the last 1,000). One that takes over a
        second is logged with its text, at level INFO of the logger `bess_assets.results.watch`.
        """
        return self._watch.statistics()

    def _bring(self) -> None:
        """Bring the copy of results that are in an object store up to date."""
        if self._settings.is_copy(self._settings.results):
            from bess_assets.store.places import bring_results  # noqa: PLC0415  most results are in a folder

            bring_results(self._settings)

    @property
    def folder(self) -> Path:
        """Where the result tables are."""
        return self._settings.results

    def years(self) -> list[int]:
        """Years that have a leaderboard, ascending."""
        self._bring()
        return list(listing.yearly_files(self.folder, "leaderboard"))

    @watched
    def column_availability(self) -> Answer:
        """The matrix of columns, in the order in which it is shown: dataset by column by year."""
        path = self.folder / "column_availability" / "all.parquet"
        if not path.is_file():
            raise NotRefreshedError(
                "Nothing is known yet of the rollups' columns.",
                file=path,
                remedy="Run: bess refresh   (its last step merges what each year's rollups hold)",
            )
        source = read([path], ", file_row_number = true")
        return self._rows(f"SELECT * EXCLUDE (file_row_number) FROM {source} ORDER BY file_row_number", [path])

    @watched
    def leaderboard(
        self,
        year: Year,
        month: int | None = None,
        *,
        where: Mapping[str, str] | None = None,
        sort: str | None = None,
        top: int | None = None,
        why: bool = False,
    ) -> Answer:
        """The leaderboard of a year, or of one of its months.

        Every column of the stored table, then `rank_change`: places gained since the same board a year earlier, negative if lost, null where either
        rank or the earlier board is absent; of a month also `rank_change_month`, the same since the board of the month before.

        Args:
            year: operating year.
            month: 1 to 12, or None for the whole year.
            where: only batteries with these values, such as {"owner": "Oak Storage", "duration": "unknown"}; ranks stay those of the whole board. Columns
                are those of `groups`.
            sort: a column; numbers highest first (rank and month lowest first), texts and days ascending, nulls last. None keeps the board's own order:
                ranked batteries, then those that cannot be ranked.
            top: only the first rows.
            why: add the columns of `attribution` and `use`, and of `perfect` where that was made.
        """
        year = year_of(year)
        refuse_month(month)
        (board,) = self._required("leaderboard" if month is None else "leaderboard_monthly", year)
        earlier = self._earlier(board.parent.name, year)
        of_month = "" if month is None else f" AND month = {int(month)}"
        files = [board, *earlier]
        sql = f"FROM ({with_rank_changes([board], earlier, monthly=month is not None)}) WHERE year = {year}{of_month}"
        if why:
            possible = year in listing.yearly_files(self.folder, "perfect_monthly")
            asked = {"attribution": attribution, "use_monthly": use} | (
                {"perfect_monthly": perfect} if possible else {}
            )
            for table, statement in asked.items():
                own = self._required(table, year)
                sql, files = (
                    f"FROM (SELECT * {sql}) LEFT JOIN ({statement(own, month)}) USING (battery)",
                    [*files, *own],
                )
        sql = f"SELECT * EXCLUDE (year, file_row_number) {sql} ORDER BY file_row_number"
        return shown(self._rows(sql, files, [year]), sort, top, where)

    @watched
    def perfect(
        self, year: Year, month: int | None = None, *, name: str | None = None, by: Literal["month", "year"] = "year"
    ) -> Answer:
        """What each battery, or the one named, earned in a year or month of what a perfect trade would have (methodology, section 15).

        Columns: battery; month, if by month; `expected_days`; on the bases da (day-ahead), rt (real-time) and energy (both as settled) `.._days` that count,
        `.._actual_usd` earned on them, `.._perfect_usd`, and `.._capture`, the one over the other, null where perfect is not above zero; of rt and energy
        also `.._month_long_usd` and `.._month_long_capture`.
        """
        return self._of_months(perfect, "perfect_monthly", year, month, name, by)

    @watched
    def use(
        self, year: Year, month: int | None = None, *, name: str | None = None, by: Literal["month", "year"] = "year"
    ) -> Answer:
        """How each battery, or the one named, was used in a year or month (methodology, section 17).

        Columns: battery; month, if by month; hours and counts of the table use_monthly; `availability`, `as_hours_share`, `as_up_share`, `as_down_share` (of
        capacity, day-ahead awards), `throughput_mwh`; for da and rt `tb_.._days`, `tb_.._actual_usd`, and for TB1, TB2 and TB4 `tb2_rt_usd` and
        `tb2_rt_capture`.
        """
        return self._of_months(use, "use_monthly", year, month, name, by)

    @watched
    def attribution(
        self, year: Year, month: int | None = None, *, name: str | None = None, by: Literal["month", "year"] = "year"
    ) -> Answer:
        """What sets the dollars of each battery, or of the one named, apart from the median of its duration class in a year or month (methodology, section 18).

        Columns: battery; month, if by month; `median_batteries`, `median_usd`, `difference_usd` and the terms that add up to it, as the table attribution has
        them, and hours. The terms of a year are against that year's median battery: those of its months add up to other sums.
        """
        return self._of_months(attribution, "attribution", year, month, name, by)

    @watched
    def outages(self, year: Year, name: str | None = None) -> Answer:
        """Stretches of hours in which batteries, or the one named, were out by the day-ahead files: the rows of the table outages."""
        return self._stored("outages", year, None, name)

    @watched
    def estimate(self, year: Year, month: int | None = None, *, name: str | None = None) -> Answer:
        """Each battery, or the one named, by month: an estimate of days not disclosed, or a backtest (methodology, section 19); rows of estimate_monthly."""
        return self._stored("estimate_monthly", year, month, name)

    @watched
    def index(
        self, year: Year, of: str = "fleet", by: Step = "month", *, basis: Literal["installed", "active"] | None = None
    ) -> Answer:
        """What a kW earned in each day, month or the year: of the fleet or of a class of it, on both bases or on one.

        Columns: those of the table index. A class is 1h, 1.5h, 2h or 4h (duration), as, energy or hybrid (strategy), or a zone of the battery table; its
        full name does as well.
        """
        refuse_period(by)
        files = self._required("index", year)
        on = f" AND basis = {literal(basis)}" if basis else ""
        where = f"class = {literal(class_of(of, self._classes(files)))} AND period = {literal(by)}{on}"
        sql = f"{rows_of(files)} WHERE {where} ORDER BY kind, first_day, basis DESC"
        return self._rows(sql, files, [year_of(year)])

    @watched
    def index_of_day(self, day: date | str, of: str = "fleet") -> Answer:
        """What a kW earned in each quarter-hour of a day, $/kW: of the fleet or of a duration class; rows of the table index_intervals, with Central time."""
        from bess_assets.results import intervals  # noqa: PLC0415  boards are shown without it

        asked = day_of(day)
        files = self._required("index_intervals", asked.year)
        sql = intervals.of_class(files, class_of(of, self._classes(files)), asked)
        return intervals.with_central_time(self._rows(sql, files, [asked.year]))

    @watched
    def leaderboard_of_days(
        self,
        first: date | str,
        last: date | str,
        *,
        where: Mapping[str, str] | None = None,
        sort: str | None = None,
        top: int | None = None,
    ) -> Answer:
        """The leaderboard of any days in a row, summed from daily_revenue by the rules of a month.

        Columns: `first_day` and `last_day` as asked, then those of the leaderboard. Exactly the days of a month give the figures of that month's board.
        Ranked is who was active on 10 days, or on every day of a shorter window; $/kW needs 10 active days whatever the window. Names and size are those
        of the window's latest year; a note says where an earlier year had another size. `rank_change` is null: a window has no board a year earlier.
        `where` and `sort` are as for `leaderboard`.
        """
        from bess_assets.results import sums  # noqa: PLC0415  the board of a year is stored and needs no formulas

        begin, end = days_of(first, last)
        years = range(begin.year, end.year + 1)
        days, registry = (
            [file for year in years for file in self._required(table, year)]
            for table in ("daily_revenue", "bess_registry")
        )
        answer = self._answer(
            ("leaderboard_of_days", begin, end),
            [*days, *registry],
            lambda: sums.board_of_days(self._engine, days, registry, begin, end),
            years,
        )
        return shown(answer, sort, top, where)

    @watched
    def groups(
        self, by: str, year: Year, month: int | None = None, *, sort: str | None = None, top: int | None = None
    ) -> Answer:
        """The batteries of the board of a year or month in groups: their number, MW, streams, the three totals, the average $/kW, coverage.

        Streams, MW and averages are of the ranked batteries, so that the groups add up to the fleet (methodology, section 11). Batteries without a value are
        the group "unknown", the last one.

        Args:
            by: qse, node, duration (class), strategy, site, or a further column of the battery table (BESS_REGISTRY) such as owner, operator, zone or contract.
            year: operating year.
            month: 1 to 12, or None for the whole year.
            sort: a column, as for `leaderboard`; None is the largest ranked total first.
            top: only the first rows.
        """
        from bess_assets.results import sums  # noqa: PLC0415  boards are stored and need no formulas

        return shown(sums.groups(self.leaderboard(year, month), by, year_of(year), month), sort, top)

    @watched
    def groups_of_days(
        self, by: str, first: date | str, last: date | str, *, sort: str | None = None, top: int | None = None
    ) -> Answer:
        """The same of the board of any days in a row (`leaderboard_of_days`)."""
        from bess_assets.results import sums  # noqa: PLC0415  boards are stored and need no formulas

        board = self.leaderboard_of_days(first, last)
        return shown(sums.groups_of_days(board, by, *days_of(first, last)), sort, top)

    @watched
    def compare(
        self, names: Sequence[str], year: Year | None = None, *, by: Literal["month", "year"] = "year"
    ) -> Answer:
        """Batteries side by side: their rows of the yearly or monthly leaderboards, with the year in front, by period and then in the order named."""
        refuse_period(by, ("month", "year"))
        if not names:
            raise QueryError("No battery was named.", expected="one name or more")
        listed = ", ".join(map(literal, dict.fromkeys(self._key(name, year) for name in names)))
        files = self._required("leaderboard" if by == "year" else "leaderboard_monthly", year)
        period = "year, month" if by == "month" else "year"
        return self._rows(
            f"{with_year(files)} WHERE battery IN ({listed}) ORDER BY {period}, list_position([{listed}], battery)",
            files,
        )

    @watched
    def battery(self, name: str, year: Year | None = None) -> BatteryAnswer:
        """One battery: its years and months with their changes of rank, its best days."""
        year = None if year is None else year_of(year)
        boards, months, days = (
            self._required(table, year) for table in ("leaderboard", "leaderboard_monthly", "daily_revenue")
        )
        key = self._key(name, year)
        earlier, earlier_months = (
            [] if year is None else self._earlier(table, year) for table in ("leaderboard", "leaderboard_monthly")
        )
        mine = f"WHERE battery = {literal(key)} ORDER BY year"
        by_year = (
            f"SELECT * EXCLUDE (file_row_number) FROM ({with_rank_changes(boards, earlier, monthly=False)}) {mine}"
        )
        by_month = f"SELECT * EXCLUDE (file_row_number) FROM ({with_rank_changes(months, earlier_months, monthly=True)}) {mine}, month"
        files = [*boards, *earlier, *months, *earlier_months, *days]
        found = self._cache.answers(
            ("battery", key, year),
            files,
            lambda: self._engine.ask(by_year, by_month, best_days_of(days, key, BEST_DAYS)),
        )
        made_up = made_up_years(self._settings)
        return BatteryAnswer(key, *(marked(part, made_up) for part in found))

    @watched
    def battery_days(self, name: str, first: date | str | None = None, last: date | str | None = None) -> Answer:
        """A battery's expected days, from the beginning and to the end where no day is given: every column of daily_revenue."""
        begin, end = days_of(first or date.min, last or date.max)
        every = listing.require(self.folder, "daily_revenue", None)
        files = [file for year, file in every.items() if begin.year <= year <= end.year]
        if not files:
            self._required("daily_revenue", begin.year if first else end.year)
        where = f"battery = {literal(self._key(name, None))} AND operating_day BETWEEN DATE '{begin}' AND DATE '{end}'"
        return self._rows(f"{rows_of(files)} WHERE {where} ORDER BY operating_day", files)

    @watched
    def battery_intervals(self, name: str, day: date | str) -> Answer:
        """A battery's quarter-hours of one day, 92, 96 or 100: time in UTC and Central, prices, awards, flows, state of charge and dollars.

        Ancillary services are settled by hour: each quarter-hour has a quarter of its hour's `as_usd`. `net_mw` is the mean power, discharge positive.
        """
        from bess_assets.results import intervals  # noqa: PLC0415  boards are shown without it

        of_day = day_of(day)
        files = {table: self._required(table, of_day.year)[0] for table in intervals.TABLES_READ}
        sql = intervals.statement(files, self._key(name, of_day.year), of_day)
        return intervals.with_central_time(self._rows(sql, files.values(), [of_day.year]))

    @watched
    def what_if(
        self,
        name: str,
        year: Year,
        month: int | None = None,
        *,
        capacity_mw: float | None = None,
        energy_mwh: float | None = None,
        sort: str | None = None,
        top: int | None = None,
    ) -> Answer:
        """The leaderboard of a year or month as if a battery had another size; nothing is written.

        Its flows and dollars stay those of the battery as it ran; what is per MW or MWh, its class, its active days and whether it is ranked follow from the
        size, and with them percentiles and medians of others. Columns are those of the stored table.
        """
        from bess_assets.results import sums  # noqa: PLC0415  boards are stored and need no formulas

        given = {"capacity_mw": capacity_mw, "energy_mwh": energy_mwh}
        size = {column: float(value) for column, value in given.items() if value is not None}
        if not size or not all(0 < value < float("inf") for value in size.values()):
            raise QueryError("A size is MW, MWh or both.", expected="capacity_mw or energy_mwh above zero")
        year, key = year_of(year), self._key(name, year)
        self.leaderboard(year, month)  # refuses a month that is none, and a year that was not refreshed
        (days,), (registry,) = (self._required(table, year) for table in ("daily_revenue", "bess_registry"))
        answer = self._answer(
            ("what_if", key, year, month, *sorted(size.items())),
            [days, registry],
            lambda: sums.board_of_size(self._engine, days, registry, year, month, key, size),
            [year],
        )
        return shown(answer, sort, top)

    @watched
    def best_days(self, name: str, year: Year | None = None, count: int = BEST_DAYS) -> Answer:
        """A battery's days of highest total_usd, highest first; days whose total is unknown are left out."""
        refuse_no_rows(count)
        files = self._required("daily_revenue", year)
        return self._rows(best_days_of(files, self._key(name, year), count), files)

    @watched
    def product_stack(self, name: str, by: Step = "month", year: Year | None = None) -> Answer:
        """Revenue of a battery by stream and period: day-ahead and real-time energy, each ancillary service, their totals, and coverage."""
        from bess_assets.results import sums  # noqa: PLC0415  boards are stored and need no formulas

        refuse_period(by)
        files = self._required("daily_revenue", year)
        mine = f"battery = {literal(self._key(name, year))}"
        return self._answer(
            ("product_stack", mine, by, year), files, lambda: sums.streams(self._engine, files, by, mine)
        )

    @watched
    def editions(self, year: Year) -> Answer:
        """The editions of a year's leaderboard that were kept, oldest first.

        Columns: edition_number, made_at (UTC), package_version, edition (final or preliminary), data_through, batteries, batteries_ranked, known_total_usd (sum
        of those that are known), changed_inputs (names of the inputs that are not those of the edition before, joined by a semicolon; null in the
        first), inputs (JSON: digest by name).
        """
        files = self._required("leaderboard_history", year)
        shared = ("made_at", "package_version", "edition", "data_through", "inputs")
        editions = (
            f"SELECT edition_number, {', '.join(f'any_value({name}) AS {name}' for name in shared)}, count(*) AS batteries, count(rank) AS batteries_ranked, "
            f"sum(total_usd) AS known_total_usd, any_value(inputs)::JSON::MAP(VARCHAR, VARCHAR) AS made_of FROM {read(files)} GROUP BY edition_number"
        )
        changed = "list_filter(list_distinct(map_keys(made_of) || map_keys(earlier)), lambda name: made_of[name] IS DISTINCT FROM earlier[name])"
        return self._rows(
            f"SELECT * EXCLUDE (inputs, made_of, earlier), array_to_string(list_sort({changed}), '; ') AS changed_inputs, inputs "
            f"FROM (SELECT *, lag(made_of) OVER (ORDER BY edition_number) AS earlier FROM ({editions})) ORDER BY edition_number",
            files,
            [year_of(year)],
        )

    @watched
    def left_out_rows(self, year: Year) -> Answer:
        """Rows of the rollups of a year that were left out, doubted, or taken for blank in part, with the file and the place of each.

        Columns: those of the table left_out_rows. Of each dataset and kind they are the first 25; the findings of `bess status --causes` count all.
        """
        files = self._required("left_out_rows", year)
        return self._rows(f"{rows_of(files)} ORDER BY dataset, kind, file, row", files, [year_of(year)])

    @watched
    def what_changed(self, year: Year) -> Answer:
        """The batteries that moved between the last two editions of a year, largest change of total_usd first, unknown ones last.

        Columns: those of the table what_changed. `because` names the inputs that changed and feed the columns that moved.
        """
        files = self._required("what_changed", year)
        return self._rows(
            f"{rows_of(files)} ORDER BY abs(total_usd_change) DESC NULLS LAST, battery", files, [year_of(year)]
        )

    @watched
    def fleet(self, by: Step = "month", year: Year | None = None) -> Answer:
        """Revenue of all batteries by stream and period, their number, and coverage.

        Streams add what is known over batteries and days; `energy_usd` and `as_usd` are formed from the streams of the same row and unknown where one
        is, and coverage says how much is missing: nothing is scaled up. `stream_total_usd` adds all known streams. By month and year also
        `batteries_ranked` and `usd_per_kw_month`, the fleet's average over ranked batteries, `ranked_total_usd`, the ranked batteries' totals, and
        `known_total_usd`, all known totals (methodology, section 11).
        """
        from bess_assets.results import sums  # noqa: PLC0415  boards are stored and need no formulas

        refuse_period(by)
        days = self._required("daily_revenue", year)
        board = {"month": "leaderboard_monthly", "year": "leaderboard"}.get(by)
        boards = self._required(board, year) if board else ()
        return self._answer(("fleet", by, year), [*days, *boards], lambda: sums.fleet(self._engine, days, boards, by))

    @watched
    def node_prices(self, points: Sequence[str] | None = None, by: Step = "month", year: Year | None = None) -> Answer:
        """Prices of settlement points by period: mean, minimum, maximum and negative share of each market, mean TB1, TB2, TB4 of a day, and coverage.

        Means and shares weigh days by their known prices. TBn is null where no day has all its hours; `tb_days` says how many have. `points` are names
        as ERCOT spells them, in any case; None takes all of them, by month or year.
        """
        refuse_period(by)
        if points is None and by == "day":
            raise QueryError(
                "Days of every settlement point are too many for one answer.",
                expected="points by name, or by='month'",
                remedy="To read them all, stream them: results.stream('FROM price_daily')",
            )
        files = self._required("price_daily", year)
        where = ""
        if points is not None:
            known = {point for (point,) in self._names("settlement_point", files)}
            remedy = 'All of them: bess sql "SELECT DISTINCT settlement_point FROM price_daily"'
            named = (known_name(name, known, f"No settlement point is called {name}.", remedy) for name in points)
            where = f" WHERE settlement_point IN ({', '.join(map(literal, named))})"
        spreads = ", ".join(f"avg(tb{n}_usd_per_mw) AS tb{n}_usd_per_mw" for n in (1, 2, 4))
        sql = (
            f"SELECT settlement_point, {PERIODS[by]}, count(*) AS days, {market_of('da', 'da_known_hours')}, {market_of('rt', 'rt_known_quarter_hours')}, "
            f"{spreads}, count(tb2_usd_per_mw) AS tb_days, sum(da_known_hours) / sum(expected_hours) AS da_coverage, "
            f"sum(rt_known_quarter_hours) / sum(expected_quarter_hours) AS rt_coverage FROM {read(files)}{where} GROUP BY ALL ORDER BY ALL"
        )
        return self._rows(sql, files)

    @watched
    def query(self, sql: str) -> Answer:
        """Answer one SELECT over views of all result tables; a view of a yearly table has the column `year` in front.

        Nothing but the result tables can be read, and nothing written. Whatever else is asked, and all that DuckDB refuses, is a QueryError.
        """
        refuse_long(sql)
        named = tables_in(sql)

        def ask() -> list[Answer]:
            with self._engine.stream(sql) as (begun, rows):
                return [begun._replace(rows=list(rows))]

        files = [file for table in named for file in self._engine.files_of(table)]
        anew = re.search(_NOT_KEPT, sql, re.IGNORECASE)
        (answer,) = ask() if anew else self._cache.answers(("query", sql), files, ask)
        return marked(answer, self._made_up(named))

    @contextmanager
    def stream(self, sql: str) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """The same as `query`, its rows made into Python values some thousand at a time: for answers of millions of rows. Nothing is kept in memory.

        The names of the columns and the rows are yielded; errors may come while rows are taken. Only the time that DuckDB takes counts, not that of the reader.
        """
        with ExitStack() as opened:
            begun, rows = self._watch.time(
                "stream", lambda: opened.enter_context(self._engine.stream(sql)), lambda: f"stream({sql!r})"
            )
            if self._made_up(tables_in(sql)):
                yield with_mark(begun.columns), ((*row, MADE_UP) for row in rows)
            else:
                yield begun.columns, rows

    def _of_months(
        self, statement: Callable[..., str], table: str, year: Year, month: int | None, name: str | None, by: str
    ) -> Answer:
        """Rows of a table of batteries and months, summed."""
        refuse_month(month)
        refuse_period(by, ("month", "year"))
        files, battery = self._required(table, year), None if name is None else self._key(name, year)
        sql = f"{statement(files, month, battery, by_month=by == 'month')} ORDER BY ALL"
        return self._rows(sql, files, [year_of(year)])

    def _stored(self, table: str, year: Year, month: int | None, name: str | None) -> Answer:
        """Rows of a table of batteries as they are stored, in the order of its first two columns."""
        refuse_month(month)
        files = self._required(table, year)
        of = [] if name is None else [f"battery = {literal(self._key(name, year))}"]
        of += [] if month is None else [f"month = {int(month)}"]
        return self._rows(
            f"{rows_of(files)} WHERE {' AND '.join(of or ['true'])} ORDER BY 1, 2", files, [year_of(year)]
        )

    def _required(self, table: str, year: Year | None) -> list[Path]:
        """The files of a table for one year, or for every year that has a leaderboard."""
        return list(listing.require(self.folder, table, None if year is None else year_of(year)).values())

    def _earlier(self, table: str, year: int) -> list[Path]:
        """The file of a table for the year before, where there is one."""
        there = year - 1 in listing.yearly_files(self.folder, table)
        return self._required(table, year - 1) if there else []

    def _rows(self, sql: str, files: Iterable[Path], years: Iterable[int] | None = None) -> Answer:
        return self._answer(sql, files, lambda: self._engine.ask(sql)[0], years)

    def _answer(
        self, key: Hashable, files: Iterable[Path], ask: Callable[[], Answer], years: Iterable[int] | None = None
    ) -> Answer:
        """An answer kept in memory, marked if it is of made-up years: those given, else those of its rows."""
        (answer,) = self._cache.answers(key, files, lambda: [ask()])
        made_up = made_up_years(self._settings)
        return marked(answer, made_up) if years is None else marked(answer, bool(made_up.intersection(years)))

    def _made_up(self, tables: "Iterable[Table]") -> bool:
        """Whether a year of one of these tables is made up."""
        made_up = made_up_years(self._settings)
        return any(not made_up.isdisjoint(listing.yearly_files(self.folder, table.name)) for table in tables)

    def _key(self, name: str, year: Year | None) -> str:
        """The stable key of the battery that has the name."""
        every = self._names("battery, gen_resource, load_resource, esr_resource", self._required("leaderboard", year))
        return key_of(name, every)

    def _classes(self, files: Iterable[Path]) -> list[str]:
        return [name for (name,) in self._names("class", files)]

    def _names(self, columns: str, files: Iterable[Path]) -> list[tuple[Any, ...]]:
        sql = f"SELECT DISTINCT {columns} FROM {read(files)}"
        return self._cache.answers(sql, files, lambda: self._engine.ask(sql))[0].rows
