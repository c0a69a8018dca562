"""All measurements side by side: `python -m benchmarks`.

Belongs here: which contender runs when, whether its money is right, what is judged.
Does not: what a contender does (children.py, other_roads.py), the machine beside it (machine.py), what lies in the folder (markets.py), the text (page.py).

Each contender runs in a process of its own, in turn, as many rounds as asked for, and each beside the floor of its own round, so that both meet the same
machine. A contender whose money is not that of the second settlement is reported as wrong and its time is not shown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import BUSY, HAS_POLARS, ROOT, Answer, Line, child, described, environment
from benchmarks.markets import LAYOUTS, in_layout, right_money, simulated, with_days
from benchmarks.page import page

YEAR, SINGLE_MODEL_YEAR = 2024, 2026
QUICK_GROWTH_YEARS = (2022, 2024)
"""Years apart from each other: some days of a year are none of the year before, whose files would hold them."""
GROWTH_YEARS = tuple(range(2017, 2025))
"""Years of one market design, so that each holds as much as the others."""
CLOSE = 1e-6
"""Money of two roads is the same up to this share."""
NEAR = {"polars": 0.02, "plan": 0.02, "csv": 1e-3}
"""The same of roads that take a shorter way: a script draws every line from quarter-hour to quarter-hour, and the last of some days of CSV has no next one."""
MOST_WORK, MOST_WALL = {YEAR: 7.0, SINGLE_MODEL_YEAR: 8.5}, {YEAR: 7.5, SINGLE_MODEL_YEAR: 9.0}
MOST_MEMORY_MB = {YEAR: 900, SINGLE_MODEL_YEAR: 1_200}
SMALL_MEMORY, MOST_OF_SMALL_MB = "512MB", 900


class WrongMoneyError(Exception):
    """A contender has other money than the second settlement."""


def main() -> int:
    """Measure, print and save; return 1 if a target is missed or a contender came to wrong money."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep the markets here, and use them again")
    parser.add_argument("--year", type=int, action="append", choices=[YEAR, SINGLE_MODEL_YEAR], help="default: both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=6, help="batteries that reading one by one is timed on")
    parser.add_argument("--csv-days", type=int, default=31, help="days that the CSV road is timed on")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="parts to measure; default: all")
    parser.add_argument("--quick", action="store_true", help="few batteries, one round: to see that everything runs")
    parser.add_argument("--save", type=Path, help="write all figures to FILE, as JSON", metavar="FILE")
    parser.add_argument(
        "--write", type=Path, help="write the page FILE from this run, docs/performance.md", metavar="FILE"
    )
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.sample, options.csv_days = 1, 2, 3
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options, options.folder or Path(scratch))
        for part in dict.fromkeys(options.only or PARTS):
            print(f"measuring: {part}", flush=True)
            PARTS[part](bench)
            bench.figures["left_out"].remove(part)
            _save(options, bench.figures)  # a part that fails later does not take an hour's figures with it
    print(page(bench.figures))
    return 0 if bench.good else 1


def _save(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    if options.write:
        options.write.write_text(page(figures), encoding="utf-8")
    if options.save:
        options.save.parent.mkdir(parents=True, exist_ok=True)
        options.save.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


class Bench:
    """One run of the benchmarks: what was measured.

    Attributes:
        figures: all of it, as the page takes it.
        good: nothing was wrong and no target missed; at `--quick` size no target is judged.
    """

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        """Say what this runs on."""
        self.options, self.folder, self.good = options, folder, True
        load = [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else []
        self.figures: dict[str, Any] = {
            "machine": described(), "load": load, "rounds": options.rounds, "quick": options.quick,
            "tables": {}, "targets": [], "busy": [], "most_busy": BUSY, "facts": {}, "left_out": list(PARTS),
        }  # fmt: skip

    def years(self) -> list[int]:
        """Years of real size that are asked for."""
        return self.options.year or [YEAR, SINGLE_MODEL_YEAR]

    def market(self, year: int) -> Path:
        """A simulated year of real size."""
        return self.made(f"market_{year}", (year,), 6 if self.options.quick else None)

    def made(self, name: str, years: Sequence[int], batteries: int | None) -> Path:
        """Simulated years, or with few of everything."""
        quick = self.options.quick
        return simulated(self.folder / (f"{name}_quick" if quick else name), years, batteries, quick=quick)

    def run(self, line: Line, name: str, folder: Path, *more: str, floor: Answer | None = None) -> Answer:
        """A round of a contender, kept in its line; what the machine did beside it is noted."""
        answer = line.add(child(name, folder, *more), floor)
        self.figures["busy"].append([line.name, answer["load"], answer["stolen"], answer["others"]])
        return answer

    def judge(self, what: str, value: float, *, most: float | None = None, least: float | None = None) -> None:
        """Keep a figure beside its target."""
        met = (most is None or value <= most) and (least is None or value >= least)
        self.good &= met or self.options.quick
        target = f"at most {most:,g}" if most is not None else f"at least {least:,g}"
        self.figures["targets"].append({"what": what, "value": value, "target": target, "met": met})

    def check(self, line: Line, found: Mapping[str, float], right: Mapping[str, float], close: float = CLOSE) -> None:
        """Whether a contender came to the right money; its line says so where it did not."""
        try:
            check_money(found, right, close)
        except WrongMoneyError as error:
            line.wrong, self.good = str(error), False

    def table(self, title: str, lines: Sequence[Line]) -> None:
        """Keep the lines of a table, below those that it has."""
        self.figures["tables"].setdefault(title, []).extend(vars(line) for line in lines if line.seconds)

    def columns(self, year: int) -> list[str]:
        """Options of a floor: the columns that ours reads, by a run of it that fills the page cache too."""
        folder = self.market(year)
        first = child("ours", folder, "--fresh", "--home", str(folder / "home"), "--year", str(year))
        (folder / "columns.json").write_text(json.dumps(first["read"]), encoding="utf-8")
        return ["--columns", str(folder / "columns.json")]


# --- is the money right -------------------------------------------------------------------------------------------------------------------


def settled(home: Path, year: int, days: int | None = None) -> dict[str, float]:
    """Total of each battery as ours wrote it: of the year, or energy and services of its first days."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    if days is None:
        board = pq.read_table(home / "results" / "leaderboard" / f"{year}.parquet", columns=["battery", "total_usd"])
        return {row["battery"]: row["total_usd"] for row in board.to_pylist() if row["total_usd"] is not None}
    return of_days(home, year, days, "energy_usd", "as_usd")


def of_days(home: Path, year: int, days: int, *columns: str) -> dict[str, float]:
    """Sum of some columns over the first days of a year, by battery, as ours wrote it."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    path = home / "results" / "daily_revenue" / f"{year}.parquet"
    found: dict[str, float] = {}
    for row in pq.read_table(path, columns=["battery", "operating_day", *columns]).to_pylist():
        if row["operating_day"].timetuple().tm_yday <= days:
            found[row["battery"]] = found.get(row["battery"], 0.0) + sum(row[column] or 0.0 for column in columns)
    return found


def check_money(found: Mapping[str, float], right: Mapping[str, float], close: float = CLOSE) -> None:
    """Compare what a road came to with what is right, up to a share.

    Raises:
        WrongMoneyError: it settled nothing, a battery that there is not, or one to other money.
    """
    if not found:
        raise WrongMoneyError("no battery was settled")
    for battery, usd in found.items():
        if battery not in right:
            raise WrongMoneyError(f"{battery} has no right answer")
        if abs(usd - right[battery]) > close * max(1.0, abs(right[battery])):
            raise WrongMoneyError(f"{battery}: {usd:.2f} and not {right[battery]:.2f}")


# --- the parts ----------------------------------------------------------------------------------------------------------------------------


def measure_years(bench: Bench) -> None:
    """Floor, least, ours and Polars, round by round; where the time of ours goes."""
    for year in bench.years():
        folder = bench.market(year)
        home, columns = folder / "home", bench.columns(year)
        of_year = ["--home", str(home), "--year", str(year)]
        floor, least, ours = Line("floor"), Line("least"), Line("ours")
        polars, writing = Line("Polars, writing nothing"), Line("Polars, writing the same tables")
        small = Line(f"ours with BESS_MEMORY_LIMIT={SMALL_MEMORY}, once")
        answers: list[Answer] = []
        right = right_money(folder, year)
        for _ in range(bench.options.rounds):
            low = bench.run(floor, "floor", folder, *columns)
            answers.append(bench.run(ours, "ours", folder, "--fresh", *of_year, floor=low))
            bench.run(least, "least", folder, *columns, *of_year, floor=low)
            bench.check(ours, settled(home, year), right)
            for line, more in ((polars, []), (writing, ["--tables", str(folder / "polars")])):
                if HAS_POLARS and year == YEAR:
                    answer = bench.run(line, "polars", folder, *of_year, *more, floor=low)
                    bench.check(line, answer["money"], right, NEAR["polars"])
                    sums = [
                        sum(money.get(battery, 0.0) for battery in answer["money"])
                        for money in (answer["money"], right)
                    ]
                    bench.check(line, {"the sum": sums[0]}, {"the sum": sums[1]}, NEAR["polars"] / 10)
        tight = bench.run(small, "ours", folder, "--fresh", "--memory-limit", SMALL_MEMORY, *of_year, floor=low)
        bench.check(small, settled(home, year), right)
        child("ours", folder, "--fresh", *of_year)  # its tables are those that the other parts meet
        bench.table(str(year), [floor, least, ours, small, polars, writing])
        bench.figures["facts"][str(year)] = {
            "millions": low["rows"] / 1e6, "batteries": len(right), "usd": sum(settled(home, year).values()),
        }  # fmt: skip
        bench.figures["facts"][f"steps {year}"] = [
            {
                "table": steps[0]["table"], "rows": steps[0]["rows"], "peak_mb": max(step["peak_mb"] for step in steps),
                "used": statistics.median(step["cpu_seconds"] for step in steps),
            } for steps in zip(*(answer["steps"] for answer in answers), strict=True)
        ]  # fmt: skip
        bench.judge(f"{year}: processor time of ours / floor", ours.work, most=MOST_WORK[year])
        bench.judge(f"{year}: wall of ours / floor", ours.wall, most=MOST_WALL[year])
        bench.judge(f"{year}: peak memory of ours, MB", ours.peak_mb, most=MOST_MEMORY_MB[year])
        if year == SINGLE_MODEL_YEAR:
            bench.judge(f"{year}: peak with {SMALL_MEMORY}, MB", small.peak_mb, most=MOST_OF_SMALL_MB)
            of_sced = [times for path, read in tight["read"].items() if "SCED_ESR" in path for times in read.values()]
            bench.judge(f"{year}: times that SCED is decoded, with {SMALL_MEMORY}", max(of_sced), most=2.01)
        if polars.used and not (polars.wrong or writing.wrong):
            bench.judge("processor time of ours / Polars writing nothing", ours.work / polars.work, most=0.75)
            bench.judge("wall of ours / Polars writing nothing", ours.wall / polars.wall, most=0.9)
            bench.judge("processor time of ours / Polars writing tables", ours.work / writing.work, most=0.5)


def measure_others(bench: Bench) -> None:
    """Slow roads to the same money, of the year before RTC+B, between two rounds of ours; the reads that the plan promises times of; storage."""
    folder = bench.market(YEAR)
    home, days = folder / "home", ["--days", str(bench.options.csv_days)]
    of_year = ["--home", str(home), "--year", str(YEAR)]
    ours, columns = Line("ours"), bench.columns(YEAR)
    sizes = child("write-csv", folder, *of_year, *days)["bytes"]
    lines = {
        "pandas": Line("pandas on rollups"),
        "plan": Line("the plan's method"),
        "csv": Line("pandas on CSV"),
    }
    for name, line in lines.items():
        low = bench.run(Line("floor"), "floor", folder, *columns)
        answer = bench.run(line, name, folder, *of_year, *days, "--sample", str(bench.options.sample), floor=low)
        line.note = f"scaled from {answer['scaled']}" if "scaled" in answer else ""
        right = settled(home, YEAR, answer["days"]) if "days" in answer else right_money(folder, YEAR)
        if answer["money"] or name != "plan" or HAS_POLARS:
            bench.check(line, answer["money"], right, NEAR.get(name, CLOSE))
        bench.run(ours, "ours", folder, "--fresh", *of_year, floor=low)
    reads_line = Line("single reads")
    reads = bench.run(reads_line, "single-reads", folder, *of_year, *days)
    for form, last in (("csv", reads["days"]), ("rollups", 366)):
        right = of_days(home, YEAR, last, "da_energy_usd")
        bench.check(reads_line, {reads["battery"]: reads[form]["usd"]}, right, NEAR["plan"])
    bench.table(str(YEAR), list(lines.values()))
    facts = bench.figures["facts"]
    facts["promises"] = {form: dict(reads[form]) for form in ("csv", "rollups")}
    for form, line in (("csv", lines["csv"]), ("rollups", ours)):
        facts["promises"][form]["board"] = statistics.median(line.seconds)
    facts["promises"]["wrong"] = reads_line.wrong
    facts["storage"] = {
        name: [size * 366 / bench.options.csv_days, _bytes(folder / "rollups" / name)] for name, size in sizes.items()
    }
    facts["results_bytes"] = sum(_bytes(path) for path in (home / "results").iterdir() if path.is_dir())
    facts["csv_days"] = bench.options.csv_days
    for name, what, least in (
        ("csv", "CSV / ours, wall", 20.0),
        ("plan", "the plan's filtered reads / ours, wall", 100.0),
    ):
        if not lines[name].wrong:
            bench.judge(what, lines[name].wall / ours.wall, least=least)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.parquet"))


def measure_dagster(bench: Bench) -> None:
    """The same year through Dagster on a home that exists, what Dagster costs by itself, and a price that changed."""
    year = bench.years()[0]
    folder = bench.market(year)
    home = folder / "home"
    of_year = ["--home", str(home), "--year", str(year)]
    child("refresh", folder, *of_year)
    through, alone = Line(f"`bess refresh {year}`, on a home that exists"), Line("its tables, page and workbook alone")
    empty = Line("as many empty assets and checks")
    repriced = Line("a price file changed: `--only changed`, once")
    for _ in range(bench.options.rounds):
        bench.run(alone, "ours", folder, "--report", *of_year)
        bench.run(through, "refresh", folder, *of_year)
        answer = bench.run(empty, "empty", folder, *of_year)
    empty.note = f"{answer['assets']} assets, {answer['checks']} checks"
    bench.check(through, settled(home, year), right_money(folder, year))
    answer = bench.run(repriced, "price-only", folder, *of_year)
    sced = [name for name in answer["rollups"] if name.startswith(("SCED_Gen", "SCED_ESR"))]
    repriced.note = f"{len(answer['made'])} tables made, {', '.join(sced) or 'no SCED'} read"
    bench.table("through Dagster", [alone, through, empty, repriced])
    added = statistics.median(
        (with_it - without) / idle
        for with_it, without, idle in zip(through.seconds, alone.seconds, empty.seconds, strict=True)
    )
    bench.judge("what `bess refresh` adds / as many empty assets and checks", added, most=2.2)
    bench.judge("SCED files read again where a price changed", len(sced), most=0)


def measure_layouts(bench: Bench) -> None:
    """The rollups of the year before RTC+B written in other ways, and with one more day."""
    folder = bench.market(YEAR)
    right, lines = right_money(folder, YEAR), []
    for layout in LAYOUTS:
        lines.append(Line(layout))
        written = in_layout(folder, layout)
        bench.run(lines[-1], "ours", written, "--fresh", "--home", str(written / "home"), "--year", str(YEAR))
        bench.check(lines[-1], settled(written / "home", YEAR), right)
    grown, whole = Line("one more day: `--only changed`"), Line("all of it in a new home")
    for one_less in (True, False):
        with_days(folder, YEAR, one_less=one_less)
    answer = bench.run(grown, "one-day", folder, "--home", str(folder / "home_of_days"), "--year", str(YEAR))
    whole.add({**answer["whole"], "stolen": 0.0, "others": 0.0})
    grown.note = f"{len(answer['made'])} tables made"
    if answer["differing"]:
        grown.wrong, bench.good = f"other bytes in {', '.join(answer['differing'])}", False
    bench.check(whole, settled(folder / "home_of_days" / "whole", YEAR, 30), settled(folder / "home", YEAR, 30))
    bench.table("layouts", [*lines, whole, grown])
    bench.judge("processor time of one more day / all of it", grown.work / whole.work, most=0.65)


def measure_growth(bench: Bench) -> None:
    """1, 2, 4 and 8 years; 60, 240 and 960 batteries: small markets of the same shape, imports left out; and `bess demo`."""
    counts = (4, 8) if bench.options.quick else (60, 240, 960)
    years = QUICK_GROWTH_YEARS if bench.options.quick else GROWTH_YEARS
    of_years = bench.made("growth_years", years, counts[0])
    by_years = {n: _grown(bench, of_years, years[-n:]) for n in (1, 2, 4, 8) if n <= len(years)}
    by_batteries = {n: _grown(bench, bench.made(f"growth_{n}", (YEAR,), n), (YEAR,)) for n in counts}
    demo = Line("`bess demo`")
    answer = bench.run(demo, "demo", bench.folder)
    for year in answer["years"]:
        bench.check(demo, settled(bench.folder / "demo", year), right_money(bench.folder / "demo", year))
    demo.note = f"{len(answer['years'])} years of {answer['batteries']} batteries, simulated and settled"
    bench.table("demo", [demo])
    bench.figures["facts"]["growth"] = {
        f"years of {counts[0]} batteries": {str(count): vars(line) for count, line in by_years.items()},
        "batteries in a year": {str(count): vars(line) for count, line in by_batteries.items()},
    }
    bench.judge(f"{len(years)} years / 1, wall", by_years[len(years)].wall / by_years[1].wall, most=8.3)
    most, fewer = counts[-1], counts[-2]
    bench.judge(f"{most} batteries / {fewer}, wall", by_batteries[most].wall / by_batteries[fewer].wall, most=4.3)


def _grown(bench: Bench, folder: Path, years: Sequence[int]) -> Line:
    line = Line(folder.name)
    wanted = [argument for year in years for argument in ("--year", str(year))]
    for _ in range(bench.options.rounds):
        bench.run(line, "ours", folder, "--fresh", "--home", str(folder / "home"), *wanted)
    for year in years:
        bench.check(line, settled(folder / "home", year), right_money(folder, year))
    return line


def measure_queries(bench: Bench) -> None:
    """How long answers take, as `python -m benchmarks.queries` says it."""
    figures = bench.folder / "queries.json"
    command = [sys.executable, "-m", "benchmarks.queries", "--figures", str(figures)]
    command += ["--batteries", "4", "--rounds", "1"] if bench.options.quick else []
    bench.folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, text=True)
    if done.returncode not in {0, 1} or done.stderr:
        raise SystemExit(done.stderr or "the measurement of queries failed")
    found = json.loads(figures.read_text(encoding="utf-8"))
    bench.judge("slowest kind of question, 95th percentile, ms", found["cold_ms"], most=300)
    bench.judge("the same asked again, ms", found["kept_ms"], most=50)
    bench.judge(
        f"`bess leaderboard 2024` ({found['board_ms']:.0f} ms) / importing its libraries",
        found["times_imports"],
        most=1.5,
    )
    bench.judge("`bess status` of 8 years, processor ms", found["status_ms"], most=600)


PARTS: dict[str, Callable[[Bench], None]] = {
    "years": measure_years,
    "others": measure_others,
    "dagster": measure_dagster,
    "layouts": measure_layouts,
    "growth": measure_growth,
    "queries": measure_queries,
}

if __name__ == "__main__":
    sys.exit(main())
