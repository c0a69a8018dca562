"""`docs/performance.md`, written from the figures of one run: tables, targets, and why it is so."""

import statistics
import textwrap
from collections.abc import Sequence
from typing import Any

Figures = dict[str, Any]

_HEAD = """\
# Performance

How long a year of ERCOT's real size takes, where the time goes, and what one would get without this package. The markets are simulated into a folder, with the
right answer for every battery, and this page is written by one run of `python -m benchmarks --folder DIR --write docs/performance.md`.

Each contender runs in a process of its own, on two threads; {rounds} after a first that fills the page cache, but the slow ones one. The median is given, and
the range in brackets. Machines differ, so times are multiples of the *floor* of the same round: DuckDB sums the columns that ours reads, and nothing that reads
them can be much quicker. *Least* is what a program that writes these tables with Arrow cannot spare: each of those columns decoded once, in two threads, each
table encoded once, in one, and nothing computed. *Ours* makes and checks all tables. Money is compared battery by battery with the second settlement before a
time counts: to 1e-6; of Polars and single reads to 2 %, and Polars' sum to 0.2 %, of CSV to 0.1 %. Peak memory is that of the whole process.
"""
_OTHERS = """\
All but ours are given which resources are batteries and which load resource charges each. The Polars script is what a user would write for files in which
nothing must be judged: it draws each line from quarter-hour to quarter-hour. pandas is the second settlement, right to the dollar. Of the plan's method only
the reads are timed: each battery's rows filtered out of every rollup. What it takes to settle them comes on top.
"""
_WHY = """\
## Why

* **Decoding and encoding are the limit.** Least takes about four times the floor: 30 million rows of result tables are encoded, a file by one thread, since a
  Parquet file has one writer. Other codecs and writers gained at most a tenth. A hundred times the speed of CSV is out of reach for that reason alone.
* **What Polars does not do** is most of the rest: telling batteries from strangers, pairing them with load resources, lines between all readings instead of one
  a quarter-hour, repeats and contradictions, provenance of each row, checks, digests.
* **New memory is time.** Where free memory of a virtual machine goes back to its host, a new page costs up to 30 microseconds, and so does one of a new file:
  2024 took 47.7 processor seconds so, 37.3 to 41.2 on the same machine once that was switched off, as it was for this run (the line on the machine says what a
  page took). Freed arrays, NumPy's and Arrow's, are kept within a table and used again, and no huge pages are asked for, which are zeroed whole; grids are made
  for some batteries or days at a time. `BESS_MEMORY_LIMIT` makes these pieces smaller, and the result no other.
* **One battery after the other.** NumPy is done with a battery's 35,000 quarter-hours before another thread has hold of Python's lock: tables of use and
  attribution took 7.7 to 7.8 processor seconds in two threads, 5.1 to 5.8 in one, and no more wall (three pairs). Days of SCED are worked on in threads.
* **SCED is decoded once** for registry and dispatch before RTC+B: what the first has placed waits for the second in a file without a name. Day-ahead files are
  decoded twice, for registry and awards. Labels are decoded more often, whatever the limit: once for schemas, runs and the registry's names, once with the
  values, and in 2026 once more for the registry's sizes; a pass over all stamps and names of 2026 takes 0.6 processor seconds.
* **A day more costs a year.** Registry, awards, dispatch and prices are all that is made of rollups, 22 of 39 processor seconds. Reading awards, dispatch and
  prices from their files and writing them again takes 5 of these, so that days of before could spare some 40 % at the very best, with the registry for nothing.
  Files without a row of other resources and points, which is what keeping decoded rows could spare, took 0.85 of the time of whole ones (2024, one pair).
* **A table is a file**, from which any process can make the next: a price file that changed reads no SCED. What a run has in memory it does not read back.
* **Dagster's part** is events: some 1,900 statements a year, each a commit. The history keeps its connections open (`dagster_storage.py`).
"""
_HEAVY = 8
"""Tables shown one by one; the others are added up."""


def page(figures: Figures) -> str:
    """The text, of those parts that were measured."""
    tables, facts = figures["tables"], figures["facts"]
    rounds = "one round" if figures["rounds"] == 1 else f"{figures['rounds']} rounds"
    said = [_HEAD.format(rounds=rounds), _machine(figures)]
    for year in (name for name in ("2024", "2026") if name in tables):
        said_of = "{year}: {millions:.1f} million rows of rollups, {batteries} batteries, {usd:,.0f} $"
        title = said_of.format(year=year, **facts[year]) if year in facts else year
        headings = ["", "processor s", "/ floor", "wall s", "/ floor", "peak MB"]
        said += [f"## {title}\n", _table(headings, [_beside_floor(line) for line in tables[year]])]
        said += [_OTHERS] if year == "2024" else []
    if years := [name for name in ("2024", "2026") if f"steps {name}" in facts]:
        said += ["## Where the processor time goes\n", _steps(years, facts)]
    if "promises" in facts:
        said += ["## What the plan promised\n", _promises(facts)]
    various = [_alone(line) for part in ("through Dagster", "layouts", "demo") for line in tables.get(part, ())]
    various += [_grown(what, lines) for what, lines in facts.get("growth", {}).items()]
    if various:
        said += ["## 2024 through Dagster, in other layouts, with a day more; growth of small markets\n"]
        said += [_table(["", "processor s", "wall s", "peak MB"], various)]
    if figures["left_out"]:
        said += [f"Not measured in this run: {', '.join(figures['left_out'])} (`--only`).\n"]
    return "\n".join([*said, *_targets(figures), _WHY])


def _machine(figures: Figures) -> str:
    machine, noted = figures["machine"], figures["busy"]
    versions = ", ".join(f"{name} {value}" for name, value in machine.items() if name != "machine")
    busy = [row for row in noted if row[2] + row[3] > figures["most_busy"]]
    stolen, others = (max((row[n] for row in noted), default=0.0) for n in (2, 3))
    load = ", ".join(f"{value:g}" for value in figures["load"])
    state = f"**The machine was busy** in {len(busy)} of {len(noted)} runs" if busy else "The machine did little else"
    trial = "**A trial with few batteries; no target is judged.** " if figures["quick"] else ""
    return (
        f"{trial}Machine: {machine['machine']}; {versions}. Load before: {load}.\n{state}: at most {stolen:.0%} of its processor time was stolen"
        f" by other guests of its host, at most {others:.0%} went to other processes.\n"
    )


def _spread(values: Sequence[float], digits: int = 1) -> str:
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def _name(line: Figures) -> str:
    more = [line["note"], f"busy machine in {line['busy']} of {len(line['seconds'])}" if line["busy"] else ""]
    text = "; ".join(part for part in more if part)
    return f"{line['name']} ({text})" if text else str(line["name"])


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _beside_floor(line: Figures) -> list[str]:
    if line["wrong"]:
        return [_name(line), f"wrong money: {line['wrong']}", "", "", "", ""]
    multiples = [_spread(line[which]) if line[which] else "1" for which in ("works", "walls")]
    seconds = [f"{statistics.median(line[which]):,.1f}" for which in ("used", "seconds")]
    return [_name(line), seconds[0], multiples[0], seconds[1], multiples[1], f"{line['peak_mb']:,}"]


def _alone(line: Figures) -> list[str]:
    if line["wrong"]:
        return [_name(line), f"wrong: {line['wrong']}", "", ""]
    return [_name(line), _spread(line["used"]), _spread(line["seconds"]), f"{line['peak_mb']:,}"]


def _grown(what: str, lines: Figures) -> list[str]:
    wrong = [f"wrong money: {line['wrong']}" for line in lines.values() if line["wrong"]]
    medians = [[f"{statistics.median(line[which]):,.1f}" for line in lines.values()] for which in ("used", "seconds")]
    peaks = [f"{line['peak_mb']:,}" for line in lines.values()]
    return [f"{', '.join(lines)} {what}", *(", ".join(cells) for cells in [wrong or medians[0], medians[1], peaks])]


def _steps(years: Sequence[str], facts: Figures) -> str:
    tables = list(zip(*(facts[f"steps {year}"] for year in years), strict=True))
    heavy = sorted(tables, key=lambda steps: -sum(step["used"] for step in steps))[:_HEAVY]
    rows = [
        [
            steps[0]["table"],
            *(cell for s in steps for cell in (f"{s['rows']:,}", f"{s['used']:.1f}", f"{s['peak_mb']:,}")),
        ]
        for steps in tables
        if steps in heavy
    ]
    light = [[steps[n]["used"] for steps in tables if steps not in heavy] for n in range(len(years))]
    rows.append([f"the other {len(light[0])}", *(cell for used in light for cell in ("", f"{sum(used):.1f}", ""))])
    headings = [f"{year}: {what}" for year in years for what in ("rows", "processor s", "peak MB")]
    return _table(["table, with its checks", *headings], rows)


def _promises(facts: Figures) -> str:
    csv, ours, storage = facts["promises"]["csv"], facts["promises"]["rollups"], facts["storage"]
    promised = [
        ("load a year: all columns needed", "load", "45 to 60", "0.5 to 2", "30 to 100"),
        ("the SCED rows of one resource", "one", "10 to 15", "0.1 to 0.3", "50"),
        ("join prices and awards of one battery", "join", "20 to 30", "0.5 to 1", "30"),
        ("leaderboard", "board", "300 to 600", "10 to 30", "20"),
    ]
    rows = [
        [name, before, f"{csv[key]:,.1f}", after, f"{ours[key]:,.2f}", gain, f"{csv[key] / ours[key]:,.0f}"]
        for name, key, before, after, gain in promised
    ]
    if facts["promises"]["wrong"]:
        rows = [["wrong money", facts["promises"]["wrong"], "", "", "", "", ""]]
    headings = ["seconds", "CSV promised", f"CSV (scaled from {facts['csv_days']} days)", "Parquet promised", "Parquet"]
    sizes = [("RT prices", ["RT_prices"], "15", "1.2", "92 %")]
    sizes += [("DAM awards", ["DAM_Gen_Resources", "DAM_Load_Resources"], "8", "0.6", "93 %")]
    sizes += [("SCED dispatch", ["SCED_Gen_Resources", "SCED_Load_Resources"], "25", "2", "92 %")]
    sizes += [("all that is read", list(storage), "100", "8", "92 %")]
    for name, datasets, before, after, gain in sizes:
        text, parquet = (sum(storage[dataset][n] for dataset in datasets) / 1e9 for n in (0, 1))
        rows.append([f"{name}, GB", before, f"{text:.2f}", after, f"{parquet:.2f}", gain, f"{1 - parquet / text:.0%}"])
    table = _table([*headings, "times promised", "times"], rows)
    return f"{table}\nAll result tables of the year take {facts['results_bytes'] / 1e9:.2f} GB.\n"


def _targets(figures: Figures) -> list[str]:
    """The targets that were missed and those that were met, each with what was measured."""
    said = {
        met: "; ".join(f"{t['what']}: {t['value']:,.2f} ({t['target']})" for t in figures["targets"] if t["met"] is met)
        for met in (False, True)
    }
    verdicts = {"**Missed.** ": said[False], "**Met.** ": said[True]}
    paragraphs = [textwrap.fill(f"{verdict}{text}.", 160) + "\n" for verdict, text in verdicts.items() if text]
    return ["## Targets\n", *paragraphs] if paragraphs and not figures["quick"] else []
