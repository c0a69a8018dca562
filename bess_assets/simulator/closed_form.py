"""What the batteries of a flawless market did and earned in a year, from the generator's own ramps, awards and prices, before anything is published."""

import numpy as np

from bess_assets.simulator.calendar import QUARTER_SECONDS, Floats, midnight
from bess_assets.simulator.fleet import DAM_ESR, ECRS, PRODUCTS, RTC, Battery
from bess_assets.simulator.market_model import MarketYear, Operation, operate
from bess_assets.simulator.sheets import Period, is_metered, moved_mwh, outputs, rt_awards

Earned = dict[str, float]
"""MWh and dollars of a battery in a year, by the names of the columns of a board."""


def earned(market: MarketYear) -> dict[str, Earned]:
    """What each battery with rows in the year earned, by its key; without a load resource its charging is not public, and energy money is NaN.

    Raises:
        ValueError: the market is not flawless.
    """
    if not market.flawless:
        raise ValueError("only a flawless market is known in closed form")
    every = ((battery, operate(market, [battery])) for battery in market.fleet.batteries)
    return {battery.key: _of(market, battery, did) for battery, did in every if did["exists"].any()}


def _of(market: MarketYear, battery: Battery, did: Operation) -> Earned:
    hours, quarters = market.year.hours, market.year.quarters
    to = Period(market, "none", hours, quarters, market.runs)
    exists, moved = did["exists"][:, 0], did["moved"][:, 0]
    now, later = (market.prices[node, "RN"] for node in (battery.node, battery.later_node or battery.node))
    real, ahead = np.where(np.repeat(moved, 4), later[0], now[0]), np.where(moved, later[1], now[1])
    discharge, charge = _flows(to, battery, did)
    award = np.where(exists, np.nan_to_num(did["energy_award_mw"][:, 0]), 0.0)
    energy = {
        "discharge_mwh": discharge,
        "charge_mwh": charge,
        "da_energy_usd": (award * ahead).repeat(4) / 4 + 0.0 * charge,
        "rt_energy_usd": (discharge - charge - award.repeat(4) / 4) * real,
    }
    made = {name: float(values[np.repeat(exists, 4)].sum()) for name, values in energy.items()}
    paired = (battery.load is not None) | (hours >= midnight(DAM_ESR))
    for product in PRODUCTS:
        sold, on_load = (np.nan_to_num(did[f"{side}_{product}"][:, 0]) for side in ("gen", "load"))
        sold = np.where(exists & ((product != "ecrs") | (hours >= midnight(ECRS))), sold + on_load * paired, 0.0)
        usd = sold * market.as_price[product]
        if quarters[-1] >= midnight(RTC):
            since = (quarters >= midnight(RTC)) & np.repeat(exists, 4)
            held = np.nan_to_num(rt_awards(to, [battery], did)[product][:, 0])
            legs = _held_usd(market, product, held) - sold.repeat(4) * market.rt_as_price[product][0]
            usd = usd + np.where(since, legs / 4, 0.0).reshape(-1, 4).sum(axis=1)
        made[f"as_{product}_usd"] = float(usd.sum())
    return made


def _flows(to: Period, battery: Battery, did: Operation) -> tuple[Floats, Floats]:
    """MWh discharged and charged by quarter-hour: by storage telemetry from RTC+B on, before by metering where files have it, and by each side's telemetry."""
    runs, courses = to.runs[:, 0], outputs(to, [battery], did)
    combo, exists = runs < midnight(RTC), to.at(did["exists"], to.runs)[:, 0]
    discharge, charge = np.full((2, len(to.quarters)), np.nan)
    if (exists & combo).any():
        out, into = moved_mwh(to, courses["gen"], exists & combo)
        discharge = np.where(is_metered(to)[:, 0], np.maximum(np.round(out - into, 6), 0.0), out)
        if battery.load is not None:
            charge, _ = moved_mwh(to, courses["load"], exists & combo & to.market.half_of_extra_runs())
    if (exists & ~combo).any():
        storage = to.quarters[:, 0] >= midnight(RTC)
        out, into = moved_mwh(to, courses["esr"], exists & ~combo)
        discharge, charge = np.where(storage, out, discharge), np.where(storage, into, charge)
    return discharge, charge


def _held_usd(market: MarketYear, product: str, held: Floats) -> Floats:
    """What awards held from run to run are worth by quarter-hour at the prices of the runs, $ per hour; NaN before RTC+B."""
    quarters, runs = market.year.quarters, market.rtc_runs[0]
    mcpc, clearing, adder = market.rt_as_price[product]
    own, price = held[-len(runs) :], clearing + adder
    edges = np.append(runs, market.year.end)
    begin, end = np.clip(quarters, edges[0], None), np.clip(quarters + QUARTER_SECONDS, edges[0], None)

    def mean(values: Floats) -> Floats:
        total = np.append(0.0, np.cumsum(values * np.diff(edges)))
        first, last = (np.interp(moments, edges, total) for moments in (begin, end))
        found: Floats = (last - first) / np.where(end > begin, end - begin, np.nan)
        return found

    usd: Floats = mean(own * price) + mean(own) * (mcpc - mean(price))
    return usd
