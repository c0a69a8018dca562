"""All measurements side by side: `python -m benchmarks`.

Belongs here: which contender runs when, whether its money is right, medians and ratios, the table.
Does not: what a contender does (children.py, other_roads.py), how long answers take (queries.py), rolling up (rollup.py).

Each contender runs in a process of its own, in turn, as many rounds as asked for; the floor before and after ours in each round, so that both meet the same
machine. A contender whose money is not that of the second settlement is reported as wrong and its time is not shown.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
YEAR, SINGLE_MODEL_YEAR = 2024, 2026
QUICK_END = (2, 3)
"""Month and day up to which a year is simulated where only the road is tried."""
QUICK_GROWTH_YEARS = (2022, 2024)
"""Years apart from each other: some days of a year are none of the year before, whose files would hold them."""
GROWTH_YEARS = tuple(range(2017, 2025))
"""Years of one market design, so that each holds as much as the others."""
HAS_POLARS = find_spec("polars") is not None
"""Polars is no part of the package, and not installed with it: pip install ".[bench]"."""
CLOSE = 1e-6
"""Money of two roads is the same up to this share."""
NEAR = {"polars": 0.01, "csv": 1e-3}
"""The same of roads that take a shorter way: a script draws every line from quarter-hour to quarter-hour, and the last of some days of CSV has no next one."""
MOST_OF_FLOOR = {YEAR: 4.0, SINGLE_MODEL_YEAR: 6.0}
MOST_MEMORY_MB = {YEAR: 1_000, SINGLE_MODEL_YEAR: 1_500}
LEAST_OVER = {"plan": 20.0, "csv": 100.0}
MOST_GROWTH = {"years": 8.4, "batteries": 4.4}

Answer = dict[str, Any]


class WrongMoneyError(Exception):
    """A contender has other money than the second settlement."""


@dataclass
class Line:
    """One line of the table.

    Attributes:
        name: contender.
        seconds: of each round.
        note: what must be said with it.
        wrong: why its time does not count.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    peak_mb: int = 0
    rows: int = 0
    note: str = ""
    wrong: str = ""

    @property
    def median(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.seconds)


def child(name: str, folder: Path, *more: str) -> Answer:
    """Run one contender in a process of its own and return what it says."""
    command = [sys.executable, "-m", "benchmarks.children", name, str(folder), *more]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    answer: Answer = json.loads(done.stdout.splitlines()[-1])
    return answer


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BESS_", "DAGSTER_"))}
    limits = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS"), "2")
    return {**kept, **limits, "PYTHONPATH": str(ROOT)}


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
    parser.add_argument("--save", type=Path, help="write FILE.md and FILE.json", metavar="FILE")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.sample, options.csv_days = 1, 2, 3
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options, options.folder or Path(scratch))
        for part in options.only or PARTS:
            PARTS[part](bench)
        bench.finish()
    return 0 if bench.good else 1


class Bench:
    """One run of the benchmarks: what was measured and said.

    Attributes:
        good: nothing was wrong and no target missed; at `--quick` size no target is judged.
    """

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        """Say what this runs on."""
        self.options = options
        self.folder = folder
        self.good = True
        self.lines: list[str] = []
        self.figures: dict[str, Any] = {"machine": _machine()}
        self.floors: dict[int, float] = {}
        self.settled: dict[int, float] = {}
        self.say("# Benchmarks", "", *(f"* {name}: {value}" for name, value in _machine().items()), "")

    def say(self, *lines: str) -> None:
        """Print lines and keep them for the file."""
        self.lines += lines
        print("\n".join(lines), flush=True)

    def years(self) -> list[int]:
        """Years of real size that are asked for."""
        return self.options.year or [YEAR, SINGLE_MODEL_YEAR]

    def market(self, year: int) -> Path:
        """A simulated year, made if it is not there."""
        return self.made(f"market_{year}", (year,), 6 if self.options.quick else None)

    def made(self, name: str, years: Sequence[int], batteries: int | None) -> Path:
        """Simulated years of real size, or with few of everything, in a folder of their own."""
        from bess_assets.second_settlement.answer import write_answer  # noqa: PLC0415
        from bess_assets.simulator import ercot_size, pairs, simulate  # noqa: PLC0415
        from bess_assets.simulator.fleet import small_size  # noqa: PLC0415

        folder = self.folder / (f"{name}_quick" if self.options.quick else name)
        if not (folder / "made").exists():
            folder.mkdir(parents=True, exist_ok=True)
            size = ercot_size if batteries is None else lambda _: small_size(batteries)
            for some in [(year,) for year in years] if self.options.quick else [years]:
                last_day = date(some[0], *QUICK_END) if self.options.quick else None
                simulate(folder, some, size=size, last_day=last_day)
            for year in years:
                write_answer(folder, "rollups", year, pairs(years, size(year).batteries, 1, "harmless"))
            (folder / "made").touch()
        return folder

    def home(self, year: int) -> Path:
        """Where results of a year go."""
        return self.market(year) / "home"

    def judge(self, what: str, value: float, *, most: float | None = None, least: float | None = None) -> None:
        """Say a figure beside its target."""
        met = (most is None or value <= most) and (least is None or value >= least)
        target = f"at most {most:g}" if most is not None else f"at least {least:g}"
        verdict = "not judged at this size" if self.options.quick else "met" if met else "MISSED"
        self.good &= met or self.options.quick
        self.say(f"* {what}: {value:.2f} (target {target}: {verdict})")
        self.figures.setdefault("targets", []).append({"what": what, "value": value, "met": met})

    def table(self, title: str, lines: Sequence[Line], base: float | None, base_name: str) -> None:
        """Show contenders, each beside the same measure of this very run."""
        self.say(
            f"## {title}",
            "",
            f"| contender | seconds, median (range) | / {base_name} | peak MB | note |",
            "|---|---|---|---|---|",
        )
        for line in lines:
            if line.wrong:
                self.good = False
                self.say(f"| {line.name} | wrong money: does not count | | | {line.wrong} |")
                continue
            spread = f"{line.median:.2f} ({min(line.seconds):.2f} to {max(line.seconds):.2f})"
            ratio = f"{line.median / base:.2f}" if base else ""
            self.say(f"| {line.name} | {spread} | {ratio} | {line.peak_mb:,} | {line.note} |")
        self.say("")
        self.figures[title] = [vars(line) for line in lines]

    def finish(self) -> None:
        """How busy the machine was, and the files."""
        if hasattr(os, "getloadavg"):
            busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
            self.say(f"Load of the machine at the end, mean of 1, 5 and 15 minutes: {busy} on {os.cpu_count()} cores.")
        save = self.options.save
        if save:
            save.parent.mkdir(parents=True, exist_ok=True)
            save.with_suffix(".md").write_text("\n".join(self.lines) + "\n", encoding="utf-8")
            save.with_suffix(".json").write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")


def _machine() -> dict[str, str]:
    packages = ["duckdb", "pyarrow", "numpy", "pandas", *(["polars"] if HAS_POLARS else []), "dagster"]
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    named = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    return named[0].split(":")[1].strip() if named else platform.processor() or "unknown processor"


# --- is the money right -------------------------------------------------------------------------------------------------------------------


def truth(folder: Path, year: int) -> dict[str, float]:
    """Total of each battery whose total is known, by the second settlement."""
    import csv  # noqa: PLC0415

    with (folder / "truth" / f"leaderboard_{year}.csv").open(encoding="utf-8", newline="") as file:
        return {row["battery"]: float(row["total_usd"]) for row in csv.DictReader(file) if row["total_usd"]}


def settled(home: Path, year: int, days: int | None = None) -> dict[str, float]:
    """Total of each battery as ours wrote it: of the year, or energy and services of its first days."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    if days is None:
        board = pq.read_table(home / "results" / "leaderboard" / f"{year}.parquet", columns=["battery", "total_usd"])
        return {row["battery"]: row["total_usd"] for row in board.to_pylist() if row["total_usd"] is not None}
    columns = ["battery", "operating_day", "energy_usd", "as_usd"]
    found: dict[str, float] = {}
    for row in pq.read_table(home / "results" / "daily_revenue" / f"{year}.parquet", columns=columns).to_pylist():
        if row["operating_day"].timetuple().tm_yday <= days:
            found[row["battery"]] = found.get(row["battery"], 0.0) + (row["energy_usd"] or 0.0) + (row["as_usd"] or 0.0)
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
    """Floor and ours, round by round; where the time of ours goes."""
    for year in bench.years():
        folder, home = bench.market(year), bench.home(year)
        columns = folder / "columns.json"
        floor, ours = (
            Line("floor: DuckDB sums the columns that ours reads"),
            Line("ours: rollups to leaderboard, all tables written"),
        )
        after, imports = Line("of it, after the extracts"), Line("imports of ours, not in it")
        least = Line("least: Arrow decodes those columns once, in two threads, and encodes the tables once, in one")
        least_work = Line("processor time of that, all threads")
        work, own_work = Line("processor time of the floor, all threads"), Line("processor time of ours, all threads")
        rounds: list[Answer] = []
        for turn in range(bench.options.rounds + 1):
            answer = child("ours", folder, "--fresh", "--home", str(home), "--year", str(year))
            columns.write_text(json.dumps(answer["read"]), encoding="utf-8")
            if turn == 0 and bench.options.rounds > 1:
                continue  # fills the page cache
            if not rounds:
                child("floor", folder, "--columns", str(columns))
            rounds.append(answer)
            low = child("floor", folder, "--columns", str(columns))
            floor.seconds.append(low["seconds"])
            floor.peak_mb, floor.rows = max(floor.peak_mb, low["peak_mb"]), low["rows"]
            work.seconds.append(low["cpu_seconds"])
            own_work.seconds.append(sum(step["cpu_seconds"] for step in answer["steps"]))
            ours.seconds.append(answer["seconds"])
            ours.peak_mb = max(ours.peak_mb, *(step["peak_mb"] for step in answer["steps"]))
            after.seconds.append(answer["after_extracts_seconds"])
            imports.seconds.append(answer["import_seconds"])
            once = child("least", folder, "--columns", str(columns), "--home", str(home), "--year", str(year))
            least.seconds.append(once["seconds"])
            least_work.seconds.append(once["cpu_seconds"])
            least.note = f"decoding {once['decoding_seconds']:.1f} s, encoding {once['encoding_seconds']:.1f} s"
            if turn == bench.options.rounds - 1 and bench.options.rounds == 1:
                break
        floor.note = f"{floor.rows:,} rows"
        right = truth(folder, year)
        found = settled(home, year)
        try:
            check_money(found, right)
            ours.note = f"{len(found)} batteries, {sum(found.values()):,.2f} $"
        except WrongMoneyError as error:
            ours.wrong = str(error)
        bench.floors[year], bench.settled[year] = floor.median, ours.median
        bench.table(
            f"{year}: ours and the floor",
            [floor, least, ours, after, imports, work, least_work, own_work],
            floor.median,
            "floor",
        )
        _steps(bench, year, rounds, floor.rows)
        _columns(bench, year, rounds[-1]["read"])
        bench.judge(f"{year}: ours / floor", ours.median / floor.median, most=MOST_OF_FLOOR[year])
        bench.say(f"* {year}: the same in processor time: {own_work.median / work.median:.2f}")
        bench.say(f"* {year}: processor time of least / floor: {least_work.median / work.median:.2f}")
        bench.judge(f"{year}: peak memory of ours, MB", ours.peak_mb, most=MOST_MEMORY_MB[year])
        bench.say("")


def _steps(bench: Bench, year: int, rounds: Sequence[Answer], rows_in: int) -> None:
    bench.say(
        f"### {year}: step by step",
        "",
        "| table | rows written | seconds | processor seconds | peak MB |",
        "|---|---|---|---|---|",
    )
    for steps in zip(*(answer["steps"] for answer in rounds), strict=True):
        seconds, used = (statistics.median(step[name] for step in steps) for name in ("seconds", "cpu_seconds"))
        bench.say(
            f"| {steps[0]['table']} | {steps[0]['rows']:,} | {seconds:.2f} | {used:.2f} | {max(s['peak_mb'] for s in steps):,} |"
        )
    total = statistics.median(answer["seconds"] for answer in rounds)
    bench.say("", f"{rows_in / total / 1e6:.2f} million rows of rollups a second.", "")


def _columns(bench: Bench, year: int, read: Mapping[str, Mapping[str, float]]) -> None:
    bench.say(f"### {year}: what ours reads, and the floor sums (times over, where more than once)", "")
    for path, columns in read.items():
        name = "/".join(Path(path).parts[-2:])
        listed = [column if times <= 1.01 else f"{column} x{times:.1f}" for column, times in columns.items()]
        bench.say(f"* {name}: {', '.join(listed)}")
    bench.say("")


def measure_dagster(bench: Bench) -> None:
    """The same year through Dagster on a home that exists, and what Dagster costs by itself."""
    year = bench.years()[0]
    folder, home = bench.market(year), bench.home(year)
    with_home = ["--home", str(home), "--year", str(year)]
    child("refresh", folder, *with_home)
    through, alone, steps = (
        Line("through Dagster: bess refresh"),
        Line("the same tables, page and workbook without Dagster"),
        Line("of it, the steps"),
    )
    empty, quick, imports, instance = (
        Line("as many empty assets and checks, Dagster as it comes"),
        Line("the same, its history written as ours does"),
        Line("import of Dagster and definitions"),
        Line("opening the instance"),
    )
    repriced = Line("one price file changed: bess refresh --only changed")
    for _ in range(bench.options.rounds):
        answer = child("refresh", folder, *with_home)
        through.seconds.append(answer["seconds"])
        through.peak_mb = max(through.peak_mb, answer["peak_mb"])
        steps.seconds.append(answer["steps_seconds"])
        answer = child("ours", folder, "--report", *with_home)
        alone.seconds.append(answer["seconds"])
        alone.peak_mb = max(alone.peak_mb, answer["peak_mb"])
        answer = child("empty", folder, *with_home)
        empty.seconds.append(answer["seconds"])
        empty.note = f"{answer['assets']} assets, {answer['checks']} checks"
        quick.seconds.append(child("empty", folder, "--quick-history", *with_home)["seconds"])
        answer = child("imports", folder, *with_home)
        imports.seconds.append(answer["seconds"])
        instance.seconds.append(answer["instance_seconds"])
    answer = child("price-only", folder, *with_home)
    repriced.seconds.append(answer["seconds"])
    repriced.note = f"{len(answer['made'])} tables made"
    try:
        check_money(settled(home, year), truth(folder, year))
    except WrongMoneyError as error:
        through.wrong = str(error)
    lines = [alone, through, steps, empty, quick, imports, instance, repriced]
    bench.table(f"{year}: through Dagster", lines, alone.median, "ours")
    bench.say(
        f"Made again after a change of DA_prices: {', '.join(answer['made'])}; rollups read: {', '.join(answer['rollups'])}.",
        "",
    )
    if any("SCED" in file for file in answer["rollups"]):
        bench.good = False
        bench.say("* a changed price reads SCED again: WRONG", "")
    if not through.wrong:
        added = (through.median - alone.median) / empty.median
        bench.judge("what Dagster adds / as many empty assets and checks, Dagster as it comes", added, most=2.0)
    bench.say("")


def measure_others(bench: Bench) -> None:
    """Other roads to the same money, of the year before RTC+B."""
    year = YEAR
    folder, home = bench.market(year), bench.home(year)
    with_home = ["--home", str(home), "--year", str(year)]
    days = ["--days", str(bench.options.csv_days)]
    ours = Line("ours, in turn with them")
    ours.seconds = [child("ours", folder, "--fresh", *with_home)["seconds"]]
    csv_bytes = child("write-csv", folder, *with_home, *days)["bytes"]
    lines = [ours]
    for name, label, more in (
        ("polars", "Polars: our extract and join", []),
        ("pandas", "the second settlement: pandas on rollups", []),
        (
            "plan",
            "the plan's method, its reads alone: filtered, battery by battery, into pandas",
            ["--sample", str(bench.options.sample)],
        ),
        ("csv", "the second settlement: pandas on CSV", days),
    ):
        if name == "polars" and not HAS_POLARS:
            bench.say('Polars is not installed and was not measured: pip install ".[bench]"', "")
            continue
        line = Line(label)
        for _ in range(bench.options.rounds if name == "polars" else 1):
            answer = child(name, folder, *with_home, *more)
            line.seconds.append(answer["seconds"])
            line.peak_mb = max(line.peak_mb, answer["peak_mb"])
            line.note = f"scaled from {answer['scaled']}" if "scaled" in answer else "no tables written"
        right = settled(home, year, answer["days"]) if "days" in answer else truth(folder, year)
        try:
            if "money" in answer:
                check_money(answer["money"], right, NEAR.get(name, CLOSE))
            else:
                line.note += f"; {answer['rows']:,} rows, nothing settled"
        except WrongMoneyError as error:
            line.wrong = str(error)
        if name in NEAR:
            line.note += f"; money to {NEAR[name]:.1%}"
        lines.append(line)
        if name in LEAST_OVER and not line.wrong:
            bench.figures.setdefault("over", {})[name] = line.median / ours.median
    ours.seconds.append(child("ours", folder, "--fresh", *with_home)["seconds"])
    bench.table(f"{year}: other roads to the same money", lines, ours.median, "ours")
    for name, ratio in bench.figures.get("over", {}).items():
        bench.judge(f"{name} / ours", ratio, least=LEAST_OVER[name])
    bench.figures["csv_bytes"] = csv_bytes
    _storage(bench, folder, home, csv_bytes)


def _storage(bench: Bench, folder: Path, home: Path, csv_bytes: int) -> None:
    year_days, days = 366, bench.options.csv_days
    rollups = {
        path.name: sum(f.stat().st_size for f in path.glob("*.parquet"))
        for path in sorted((folder / "rollups").iterdir())
    }
    used = sum(size for name, size in rollups.items() if name != "COP_Snapshots")
    results = sum(f.stat().st_size for f in (home / "results").glob(f"*/{YEAR}.parquet"))
    scaled = csv_bytes * year_days / days
    bench.say(
        f"## {YEAR}: storage",
        "",
        "| what | MB |",
        "|---|---|",
        f"| CSV of the same datasets (scaled from {days} of {year_days} days) | {scaled / 1e6:,.0f} |",
        f"| their rollups, plain Parquet | {used / 1e6:,.0f} |",
        f"| our result tables | {results / 1e6:,.0f} |",
        "",
    )
    bench.figures["storage"] = {"csv": scaled, "rollups": rollups, "results": results}


def measure_growth(bench: Bench) -> None:
    """1, 2, 4 and 8 years; 60, 240 and 960 batteries: small markets of the same shape, imports left out."""
    quick = bench.options.quick
    counts = (4, 8) if quick else (60, 240, 960)
    years = QUICK_GROWTH_YEARS if quick else GROWTH_YEARS
    folder = bench.made("growth_years", years, counts[0])
    lines = []
    taken: dict[tuple[str, int], float] = {}
    for count in [n for n in (1, 2, 4, 8) if n <= len(years)]:
        line = Line(f"{count} years of {counts[0]} batteries")
        wanted = [argument for year in years[-count:] for argument in ("--year", str(year))]
        for _ in range(bench.options.rounds):
            answer = child("ours", folder, "--fresh", "--home", str(folder / "home"), *wanted)
            line.seconds.append(answer["seconds"])
            line.peak_mb = max(line.peak_mb, *(step["peak_mb"] for step in answer["steps"]))
        for year in years[-count:]:
            check_money(settled(folder / "home", year), truth(folder, year))
        taken["years", count] = line.median
        lines.append(line)
    for count in counts:
        folder = bench.made(f"growth_{count}", (YEAR,), count)
        line = Line(f"1 year of {count} batteries")
        for _ in range(bench.options.rounds):
            answer = child("ours", folder, "--fresh", "--home", str(folder / "home"), "--year", str(YEAR))
            line.seconds.append(answer["seconds"])
            line.peak_mb = max(line.peak_mb, *(step["peak_mb"] for step in answer["steps"]))
        check_money(settled(folder / "home", YEAR), truth(folder, YEAR))
        taken["batteries", count] = line.median
        lines.append(line)
    bench.table("Growth", lines, taken["years", 1], "1 year")
    bench.judge(
        f"{len(years)} years / 1 year", taken["years", len(years)] / taken["years", 1], most=MOST_GROWTH["years"]
    )
    most, fewer = counts[-1], counts[-2]
    bench.judge(
        f"{most} batteries / {fewer}",
        taken["batteries", most] / taken["batteries", fewer],
        most=MOST_GROWTH["batteries"],
    )
    bench.say("")


def measure_queries(bench: Bench) -> None:
    """How long answers take, as `python -m benchmarks.queries` says it."""
    command = [sys.executable, "-m", "benchmarks.queries"]
    command += ["--batteries", "4", "--rounds", "1"] if bench.options.quick else []
    done = subprocess.run(command, cwd=ROOT, env=_environment(), check=False, capture_output=True, text=True)
    if done.returncode not in {0, 1} or done.stderr:
        raise SystemExit(done.stderr or "the measurement of queries failed")
    bench.good &= done.returncode == 0 or bench.options.quick
    bench.say("## Queries", "", "```", done.stdout.rstrip(), "```", "")


PARTS: dict[str, Callable[[Bench], None]] = {
    "years": measure_years,
    "dagster": measure_dagster,
    "others": measure_others,
    "growth": measure_growth,
    "queries": measure_queries,
}

if __name__ == "__main__":
    sys.exit(main())
