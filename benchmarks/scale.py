"""Many years on many workers, simulated from what was measured: `python -m benchmarks.scale --batteries 1000 --workers 1 2 5 10`.

A year waits for the launcher, then for a worker; the worker brings its rollups from the object store, settles, and puts the results there. Transfers that go on
at once share what the store gives. The constants are those of docs/server.md; options replace them by your own.
"""

import argparse
import sys
from dataclasses import dataclass, fields
from itertools import pairwise


@dataclass(frozen=True)
class Measured:
    """What a year and a machine were measured to take; a five-minute year, two cores, one thread a worker.

    Attributes:
        brought_mb_a_year: rollups of a year and the next, of all resources of ERCOT, MB.
        put_mb_a_battery: result files of a year, MB.
        gets: requests of a year that read.
        puts: requests of a year that write or list.
        settling_seconds_a_battery: tables, checks and page.
        dagster_seconds: what Dagster adds to a year.
        launch_seconds: from the launch of one year to that of the next.
        worker_mb_a_second: what one worker brings or puts.
        store_mb_a_second: what all workers together bring or put.
        usd_an_hour: a machine of two cores and 8 GB.
        usd_a_million_gets: requests that read.
        usd_a_million_puts: requests that write or list.
        usd_a_gb_month: a GB kept for a month.
    """

    brought_mb_a_year: float = 1_100.0
    put_mb_a_battery: float = 5.3
    gets: float = 25.0
    puts: float = 66.0
    settling_seconds_a_battery: float = 0.145
    dagster_seconds: float = 8.0
    launch_seconds: float = 5.0
    worker_mb_a_second: float = 80.0
    store_mb_a_second: float = 1_000.0
    usd_an_hour: float = 0.10
    usd_a_million_gets: float = 0.4
    usd_a_million_puts: float = 5.0
    usd_a_gb_month: float = 0.023


@dataclass(frozen=True)
class Outcome:
    """What some years came to.

    Attributes:
        seconds: from the first launch to the last end.
        worker_seconds: of all machines, for as long as they are needed.
        idle: share of these in which a machine had nothing to do.
        brought_gb: from the store.
        put_gb: into it.
        requests: of all kinds.
        usd: machines and requests.
        usd_a_month: for keeping rollups and results.
    """

    seconds: float
    worker_seconds: float
    idle: float
    brought_gb: float
    put_gb: float
    requests: float
    usd: float
    usd_a_month: float


def simulated(years: int, batteries: int, workers: int, of: Measured) -> Outcome:
    """Let some years of so many batteries be settled by some workers."""
    settling = of.settling_seconds_a_battery * batteries + of.dagster_seconds
    brought, put = of.brought_mb_a_year, of.put_mb_a_battery * batteries
    # what is left of each worker's year: MB to bring, seconds to settle, MB to put
    at_work: list[list[float]] = []
    now, launched, busy = 0.0, 0, 0.0
    while launched < years or at_work:
        due = launched * of.launch_seconds
        if launched < years and len(at_work) < workers and now >= due:
            at_work.append([brought, settling, put])
            launched += 1
            continue
        moving = sum(left[0] > 0 or left[1] <= 0 for left in at_work)
        rate = min(of.worker_mb_a_second, of.store_mb_a_second / max(moving, 1))
        speeds = [(0, rate) if left[0] > 0 else (1, 1.0) if left[1] > 0 else (2, rate) for left in at_work]
        steps = [left[part] / speed for left, (part, speed) in zip(at_work, speeds, strict=True)]
        if launched < years and len(at_work) < workers:
            steps.append(due - now)
        step = min(steps)
        for left, (part, speed) in zip(at_work, speeds, strict=True):
            left[part] = left[part] - step * speed if left[part] / speed > step else 0.0
        now, busy = now + step, busy + step * len(at_work)
        at_work = [left for left in at_work if any(left)]
    needed = now * min(workers, years)
    requests = years * (of.gets + of.puts)
    return Outcome(
        seconds=now,
        worker_seconds=needed,
        idle=1 - busy / needed,
        brought_gb=years * brought / 1_000,
        put_gb=years * put / 1_000,
        requests=requests,
        usd=needed / 3_600 * of.usd_an_hour
        + years * (of.gets * of.usd_a_million_gets + of.puts * of.usd_a_million_puts) / 1e6,
        usd_a_month=years * (brought / 2 + put) / 1_000 * of.usd_a_gb_month,
    )


def main() -> int:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--batteries", type=int, default=1_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 5, 10, 20])
    for field in fields(Measured):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    options = parser.parse_args()
    measured = Measured(**{field.name: getattr(options, field.name) for field in fields(Measured)})
    outcomes = {n: simulated(options.years, options.batteries, n, measured) for n in options.workers}
    some = next(iter(outcomes.values()))
    print(
        f"{options.years} years of {options.batteries:,} batteries: {some.brought_gb:.0f} GB brought, {some.put_gb:.0f} GB put, ",
        end="",
    )
    print(f"{some.requests:,.0f} requests, {some.usd_a_month:.2f} $ a month for what is kept")
    for n, found in outcomes.items():
        print(f"{n:3} workers: {found.seconds / 60:5.1f} minutes, machines idle {found.idle:4.0%}, {found.usd:.2f} $")
    for (fewer, before), (more, after) in pairwise(outcomes.items()):
        print(f"from {fewer} workers to {more}: {before.seconds / after.seconds:.2f} times as quick")
    return 0


if __name__ == "__main__":
    sys.exit(main())
