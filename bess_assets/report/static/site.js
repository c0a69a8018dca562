// The pages of the site beside those of the years: all years, one battery over all years, batteries compared, groups, indices, the dictionary.
//
// Figures are those of the result tables; data of a battery are loaded when it is looked at. The address holds what is shown.
"use strict";
(() => {
  const {
    MONTHS, UNKNOWN, STRATEGIES, at, absent, number, dollars, largeDollars, percent, words, node, table, boxed, tile, link, charts,
  } = bess;
  const site = bess.here("site");
  const STREAMS = bess.streamsOf(site.streams);
  const YEARS = site.years.map((year) => year.year);
  const NAMES = site.batteries.battery;
  const main = at("main");
  const root = document.documentElement;
  const served = root.dataset.served === "true";
  const pageOf = (name) => `battery.html#${new URLSearchParams({ battery: name })}`;
  const yearOf = (year) => site.years.find((own) => own.year === year);
  const fileOf = (name) => `batteries/${String(NAMES.indexOf(name)).padStart(4, "0")}`;
  const perKw = (value) => dollars(value, 2);
  const COLOURS = ["--s0", "--s2", "--s3", "--s4", "--s5"];
  const remark = (text) => node("p", { class: "remark" }, text);
  const hours = (value, source) => (absent(value) ? UNKNOWN : (source === "assumed" ? "~" : "") + number(value, 1));
  /** Rows of one table that a search narrows. */
  function searchable(label, headings, rows, caption) {
    const box = boxed(headings, rows, caption);
    box.classList.add("tall");
    const field = node("input", { type: "search", autocomplete: "off" });
    const count = node("p", { class: "remark", role: "status" }, `${rows.length} rows`);
    const lines = [...box.querySelectorAll("tbody tr")];
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toUpperCase();
      for (const line of lines) line.hidden = !line.textContent.toUpperCase().includes(wanted);
      count.textContent = `${lines.filter((line) => !line.hidden).length} of ${lines.length} rows`;
    });
    return [node("form", { class: "controls", role: "search" }, node("label", { class: "grow" }, label, field)), count, box];
  }
  /** A choice of one of several values, under a label. */
  function choice(label, values, chosen, change) {
    const list = node("select", {}, ...values.map(([value, text]) => node("option", { value, ...(value === chosen ? { selected: true } : {}) }, text)));
    list.addEventListener("change", () => change(list.value));
    return node("label", {}, label, list);
  }
  const failed = (error) => main.replaceChildren(node("p", { class: "notice" }, error.message));

  // --- all years --------------------------------------------------------------------------------------------------------------------------

  function showIndex() {
    const fleets = site.years.map((year) => year.fleet);
    const latest = site.years.at(-1);
    const full = YEARS.map(String);
    const to = (n) => { location.href = `${YEARS[n]}.html`; };
    const streams = bess.existing(STREAMS, fleets);
    const headings = [
      { label: "Year", text: true }, { label: "Edition", text: true }, { label: "Data through", text: true }, { label: "Ranked" }, { label: "MW ranked" },
      { label: "Ranked total $" }, { label: "$/kW-month" }, { label: "Energy share" }, { label: "Energy cov." }, { label: "First", text: true }, ...streams.map((s) => ({ label: `${s.short} $` })),
    ];
    const rows = [...site.years].reverse().map((year) => [
      link(String(year.year), `${year.year}.html`), `${year.edition}${absent(year.edition_number) ? "" : ` ${year.edition_number}`}${year.made_up ? ", made-up" : ""}`, words(year.data_through),
      `${number(year.fleet.ranked)} of ${number(year.fleet.batteries)}`, number(year.fleet.capacity_mw, 1), number(year.fleet.ranked_total_usd),
      number(year.fleet.usd_per_kw_month, 2), percent(year.fleet.energy_share), percent(year.fleet.energy_coverage), year.best ? link(year.best, pageOf(year.best), { class: "name-button", title: year.best }) : UNKNOWN, ...streams.map((s) => number(year.fleet[s.column])),
    ]);
    main.replaceChildren(
      node("section", { class: "tiles", "aria-label": "The latest year" },
        tile("Years", String(YEARS.length), `${YEARS[0]} to ${YEARS.at(-1)}`),
        tile("Batteries", number(NAMES.length), `seen in any year; ${number(latest.fleet.batteries)} in ${latest.year}`),
        tile(`Ranked total ${latest.year}`, largeDollars(latest.fleet.ranked_total_usd), `${latest.edition}, data through ${words(latest.data_through)}`),
        tile(`Fleet average ${latest.year}`, perKw(latest.fleet.usd_per_kw_month), "per kW-month"),
        tile(`First in ${latest.year}`, latest.best ? link(latest.best, pageOf(latest.best)) : UNKNOWN, "by total revenue")),
      node("section", { class: "charts two", tabindex: "0", "aria-label": "Charts of the years" },
        charts.chart("Revenue of ranked batteries by year, $", "Stacked bars of yearly revenue by stream. The table of years holds the figures.", charts.stack({ labels: full, rows: fleets, streams, to }), streams),
        charts.chart("Fleet average, $/kW-month", "Bars of the fleet's average by year. The table of years holds the figures.", charts.bars({ labels: full, values: fleets.map((f) => f.usd_per_kw_month), digits: 2, unit: "$/kW-month", to }))),
      node("h2", {}, "Years"), boxed(headings, rows, "Years"),
      node("h2", {}, "Batteries"), ...batteryList());
  }
  function batteryList() {
    const headings = [{ label: "Battery", text: true }, { label: "MW" }, { label: "Hours" }, { label: "QSE", text: true }, { label: "Node", text: true }, ...YEARS.map((year) => ({ label: `${year} $/kW-mo` })), { label: `${YEARS.at(-1)} total $` }, { label: "Rank" }];
    const own = (n, name) => site.batteries[name][n];
    const rows = NAMES.map((name, n) => [
      link(name, pageOf(name), { class: "name-button", title: name }), number(own(n, "capacity_mw"), 1), hours(own(n, "duration_hours"), own(n, "duration_source")), words(own(n, "qse")), words(own(n, "settlement_point")),
      ...YEARS.map((year) => number(own(n, "years")[year]?.[2], 2)), number(own(n, "years")[YEARS.at(-1)]?.[1]), words(own(n, "years")[YEARS.at(-1)]?.[0]),
    ]);
    return searchable("Search", headings, rows, "Batteries of all years");
  }

  // --- one battery ------------------------------------------------------------------------------------------------------------------------

  const byName = (columns, values) => Object.fromEntries(columns.map((name, n) => [name, values[n]]));
  /** A battery's file with names in the place of positions. */
  async function battery(name) {
    const { columns, years } = await bess.load(fileOf(name));
    return years.map((year) => ({
      ...year, ...byName(columns.row, year.row), months: year.months.map((month) => byName(columns.month, month)), estimate: year.estimate.map((month) => byName(columns.estimate, month)), attribution: year.attribution.map((own) => byName(columns.attribution, own)),
      days: year.days.map(([best, worst, day, ...rest]) => ({ best, worst, day, ...byName(columns.day, rest), series: rest.at(-1) && { start: rest.at(-1)[0], ...byName(columns.interval, rest.at(-1).slice(1)) } })),
    }));
  }
  async function showBattery() {
    const asked = bess.stateOfAddress();
    if (!NAMES.includes(asked.battery)) {
      main.replaceChildren(...(asked.battery ? [node("p", { class: "notice" }, `There is no battery ${asked.battery}.`)] : []), ...batteryList());
      return;
    }
    const name = asked.battery;
    at("heading").textContent = name;
    document.title = `${name}: all years`;
    const years = await battery(name);
    const latest = years.at(-1);
    const chosen = years.find((year) => String(year.year) === asked.year) ?? latest;
    const streams = bess.existing(STREAMS, years);
    const full = years.map((year) => String(year.year));
    const choose = (year) => { location.hash = bess.hashOf({ battery: name, year }); };
    const place = (year) => (absent(year.class_rank) ? UNKNOWN : `${year.class_rank} of ${year.class_ranked}`);
    const headings = [
      { label: "Year", text: true }, { label: "Rank" }, { label: "Class", text: true, title: "Duration class" }, { label: "Rank in class", title: "Place among the ranked batteries of its duration class, by total" }, { label: "Total $" },
      { label: "$/kW-month" }, { label: "Class median", title: "Median $/kW-month of the ranked batteries of its duration class" }, { label: "Percentile", title: "Share of the other ranked batteries with less $/kW-month" }, { label: "Cycles/day" }, { label: "Efficiency" },
      { label: "TB2 capture" }, { label: "Energy cov." }, { label: "AS cov." }, ...streams.map((s) => ({ label: `${s.short} $` })), { label: "Not ranked, or to know", text: true, wrap: true },
    ];
    const rows = [...years].reverse().map((year) => [
      link(String(year.year), `${year.year}.html#${new URLSearchParams({ battery: name })}`), absent(year.rank) ? UNKNOWN : bess.rankCell(`${year.rank} of ${year.ranked}`, year.rank_change, year.year - 1), words(year.duration_class), place(year), number(year.total_usd),
      number(year.usd_per_kw_month, 2), number(year.class_median_usd_per_kw_month, 2), percent(year.usd_per_kw_month_percentile), number(year.cycles_per_day, 2), percent(year.round_trip_efficiency), percent(year.tb2_capture),
      percent(year.energy_coverage), percent(year.as_coverage), ...streams.map((s) => number(year[s.column])), words([year.excluded_reason, year.notes].filter(Boolean).join("; ")),
    ]);
    const facts = [
      ["Resources", [latest.gen_resource, latest.load_resource, latest.esr_resource].filter(Boolean).join(", ")], ["Node", latest.settlement_point], ["QSE", latest.qse],
      ["Size", `${number(latest.capacity_mw, 1)} MW, ${number(latest.energy_mwh, 1)} MWh, ${hours(latest.duration_hours, latest.duration_source)} h`], ["Strategy", STRATEGIES[latest.strategy] ?? latest.strategy], ["Years", full.join(", ")], ...bess.attributes(latest.attributes),
    ];
    const times = years.map((year) => Date.UTC(year.year, 0, 1));
    const line = (column, label, colour) => ({ values: years.map((year) => year[column]), colour, said: (value, n) => `${full[n]}: ${label} ${perKw(value)}` });
    main.replaceChildren(
      node("dl", { class: "identity" }, ...facts.map(([term, value]) => node("div", {}, node("dt", {}, term), node("dd", {}, words(value))))),
      node("section", { class: "tiles", "aria-label": `Figures of ${latest.year}` },
        tile(`Total ${latest.year}`, dollars(latest.total_usd), absent(latest.rank) ? "not ranked" : `rank ${latest.rank} of ${latest.ranked}`),
        tile("Per kW-month", perKw(latest.usd_per_kw_month), `median of its class ${perKw(latest.class_median_usd_per_kw_month)}`),
        tile("Rank in class", place(latest), `duration class ${words(latest.duration_class)}`),
        tile("Energy share", percent(latest.energy_share), `best day ${percent(latest.best_day_share)} of the total`),
        tile("Coverage", percent(latest.energy_coverage), `energy · ${percent(latest.as_coverage)} ancillary`)),
      node("section", { class: "charts two", tabindex: "0", "aria-label": "Charts of all years" },
        charts.chart("Revenue by year and stream, $", "Stacked bars of yearly revenue by stream. The table of years holds the figures.", charts.stack({ labels: full, rows: years, streams, to: (n) => choose(full[n]) }), streams),
        charts.chart("$/kW-month beside the median of its class", "Lines of dollars per kW and month by year, its own and the median of its duration class. The table of years holds the figures.",
          charts.lines({ times, points: true, tickFormat: "%Y", height: 220, format: (value) => number(value, 1), series: [line("usd_per_kw_month", name, "--s0"), line("class_median_usd_per_kw_month", "class median", "--s6")] }),
          [{ name: "This battery", colour: "--s0" }, { name: "Median of its class", colour: "--s6" }])),
      node("h2", {}, "Years"), boxed(headings, rows, `Years of ${name}`),
      node("p", {}, link("Compare it with others", `compare.html#${new URLSearchParams({ 1: name })}`)),
      node("form", { class: "controls" }, choice("Year looked at", full.map((year) => [year, year]), String(chosen.year), choose)),
      ...monthsOf(name, chosen, streams), ...daysOf(name, chosen, asked.day), ...(served ? askedDays(name, chosen) : []));
  }
  function monthsOf(name, year, streams) {
    const { months } = year;
    const headings = [{ label: "Month", text: true }, { label: "Rank" }, ...streams.map((s) => ({ label: `${s.short} $` })), { label: "Total $" }, { label: "$/kW-month" }, { label: "Class median" }, { label: "Cycles/day" }, { label: "Efficiency" }, { label: "TB2 capture" }, { label: "Energy cov." }, { label: "AS cov." }];
    const rows = months.map((month) => [
      MONTHS[month.month - 1], bess.rankCell(month.rank, month.rank_change_month, bess.monthBefore(year.year, month.month)), ...streams.map((s) => number(month[s.column])), number(month.total_usd), number(month.usd_per_kw_month, 2), number(month.class_median_usd_per_kw_month, 2), number(month.cycles_per_day, 2),
      percent(month.round_trip_efficiency), percent(month.tb2_capture), percent(month.energy_coverage), percent(month.as_coverage),
    ]);
    const numbers = months.map((month) => month.month);
    return [
      node("h2", {}, `Months of ${year.year}`),
      charts.chart("Revenue by month and stream, $", "Stacked bars of monthly revenue by stream. The table of months holds the figures.", charts.stack({ labels: charts.monthLabels(numbers), full: numbers.map((n) => MONTHS[n - 1]), rows: months, streams }), streams),
      boxed(headings, rows, `Months of ${name}, ${year.year}`),
      ...besideMedian(name, year), ...possible(name, year), ...estimateOf(name, year),
    ];
  }
  /** An estimate of the days that ERCOT has not disclosed, with its error beside it. */
  function estimateOf(name, year) {
    if (!year.estimate.length) return [];
    const headings = [{ label: "Month", text: true }, { label: "Days" }, { label: "Estimate $" }, { label: "Low $" }, { label: "High $" }, { label: "Its error" }, { label: "All errors" }, { label: "Interval held" }];
    const rows = year.estimate.map((month) => [
      MONTHS[month.month - 1], number(month.estimated_days), number(month.estimate_usd), number(month.low_usd), number(month.high_usd), percent(month.own_error), percent(month.error), percent(month.interval_held),
    ]);
    return [
      node("h3", {}, "Estimate of days not disclosed"),
      boxed(headings, rows, `Estimate of ${name}, ${year.year}`),
      remark("From public prices and what the battery made of prices on disclosed days; in no board and no total. Low and high are an 80 % interval. Errors are medians of closed months estimated in the same way, of this battery and of all; in that share of the latter the interval held: methodology, section 19."),
    ];
  }
  const TERMS = [
    ["Active days", "active_days_usd"], ["Availability", "availability_usd"], ["Location", "location_usd"], ["AS mix", "as_mix_usd"], ["Duration", "duration_usd"], ["Day-ahead/RT", "da_rt_usd"], ["Timing", "timing_usd"],
    ["Unknown", "unknown_usd"],
  ];
  /** What the difference from the median of its class is made of, where that was worked out. */
  function besideMedian(name, year) {
    const whole = year.attribution.find((own) => own.month === 0);
    const terms = TERMS.filter(([, column]) => year.attribution.some((own) => Math.abs(own[column]) >= 0.5));
    if (!year.attribution.length) return [];
    const months = year.attribution.filter((own) => own.month).concat(whole ?? []);
    const rows = months.map((own) => [
      own.month ? MONTHS[own.month - 1] : String(year.year), own.median_batteries, number(own.median_usd), number(own.difference_usd), ...terms.map(([, column]) => number(own[column])),
    ]);
    const headings = [{ label: "Month", text: true }, { label: "Median battery", text: true }, { label: "Median $" }, { label: "Difference $" }, ...terms.map(([label]) => ({ label: `${label} $` }))];
    const shown = whole && terms.filter(([, column]) => Math.abs(whole[column]) >= 0.5);
    return [
      node("h3", {}, "Beside the median of its class"),
      whole && charts.chart(`From the median of its class to ${name}, ${year.year}, $`, "A waterfall from the dollars of the class's median to those of the battery. The table below holds the figures.",
        charts.waterfall({ from: ["Class median", whole.median_usd], steps: shown.map(([label, column]) => [label, whole[column]]), to: ["This battery", whole.median_usd + whole.difference_usd] })),
      boxed(headings, rows, `Beside the median of its class: ${name}, ${year.year}`),
      remark("Median $ is the median $/kW of its duration class for its MW and active days. The terms exchange one factor after the other with the battery that has the median, and add up to the difference; those of the months are against each month's own median, and do not add up to the year's: methodology, section 18."),
    ].filter(Boolean);
  }
  /** How much of what was possible, by month, where that was worked out. */
  function possible(name, year) {
    const shown = [
      ["Available", "availability"], ["Of day-ahead", "da_capture"], ["Of real time", "rt_capture"], ["Month-long", "rt_month_long_capture"], ["Of both", "energy_capture"], ["With AS", "total_capture"],
    ].filter(([, column]) => year.months.some((month) => !absent(month[column])));
    if (!shown.length) return [];
    const rows = year.months.map((month) => [MONTHS[month.month - 1], ...shown.map(([, column]) => percent(month[column]))]);
    return [
      node("h3", {}, "Of what was possible"),
      boxed([{ label: "Month", text: true }, ...shown.map(([label]) => ({ label }))], rows, `Of what was possible for ${name}, ${year.year}`),
      remark("Available: hours in which it was not in status OUT and its day-ahead limit at least half of its MW. The others are shares of a perfect trade with its own MW, MWh and efficiency, all prices known, on the same days: methodology, section 15."),
    ];
  }
  const dayHeadings = [{ label: "Day", text: true }, { label: "Total $" }, { label: "Energy $" }, { label: "Ancillary $" }, { label: "Discharge MWh" }, { label: "Charge MWh" }];
  function daysOf(name, year, asked) {
    const best = year.days.filter((day) => day.best).sort((a, b) => a.best - b.best);
    const worst = year.days.filter((day) => day.worst).sort((a, b) => a.worst - b.worst);
    if (!best.length) return [node("h2", {}, `Best and worst days of ${year.year}`), remark("No day's total is known.")];
    const list = (days, caption) => boxed(dayHeadings, days.map((day) => [
      link(day.day, bess.hashOf({ battery: name, year: year.year, day: day.day })), number(day.total_usd), number(day.energy_usd), number(day.as_usd), number(day.discharge_mwh, 1), number(day.charge_mwh, 1),
    ]), caption);
    const chosen = year.days.find((day) => day.day === asked) ?? best[0];
    return [
      node("h2", {}, `Best and worst days of ${year.year}`),
      node("div", { class: "pair" }, node("div", {}, node("h3", {}, "Best"), list(best, "Best days")), node("div", {}, node("h3", {}, "Worst"), list(worst, "Worst days"))),
      ...dayByQuarterHour(chosen.day, chosen.series),
    ];
  }
  /** One day by quarter-hour: `series` holds the start and a list a figure. */
  function dayByQuarterHour(day, series) {
    const heading = node("h3", { id: "day" }, `${day} by quarter-hour`);
    if (!series) return [heading, remark("The ledgers of this day are not here.")];
    const first = Date.parse(series.start);
    const length = Math.max(...["rt_price", "mw", "soc", "usd"].map((name) => series[name]?.length ?? 0));
    const figures = Object.fromEntries(["rt_price", "da_price", "mw", "soc", "usd"].map((name) => [name, Array.from({ length }, (_, n) => series[name]?.[name === "da_price" ? n >> 2 : n] ?? null)]));
    const times = figures.usd.map((_, n) => first + n * 900000);
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "America/Chicago", hour: "2-digit", minute: "2-digit" });
    const when = times.map((time) => clock.format(time));
    const of = (column, label, colour, show) => ({ values: figures[column], colour, said: (value, n) => `${when[n]} ${label} ${show(value)}` });
    const one = (title, said, list, format, names = null) => charts.chart(title, `${said} by quarter-hour, Central time. The table below holds the figures.`, charts.lines({ times, series: list, format, tickFormat: (time) => clock.format(time) }), names);
    const headings = [{ label: "Central time", text: true }, { label: "RT $/MWh" }, { label: "DA $/MWh" }, { label: "MW", title: "Mean of the quarter-hour, discharge positive" }, { label: "State of charge MWh" }, { label: "Energy $" }];
    const rows = when.map((time, n) => [time, number(figures.rt_price[n], 2), number(figures.da_price[n], 2), number(figures.mw[n], 1), number(figures.soc[n], 1), number(figures.usd[n], 1)]);
    return [
      heading,
      node("div", { class: "pair" },
        one("Price, $/MWh", "Prices of its node", [of("rt_price", "real-time", "--s3", (v) => dollars(v, 2)), of("da_price", "day-ahead", "--s1", (v) => dollars(v, 2))], (v) => number(v), [{ name: "Real-time", colour: "--s3" }, { name: "Day-ahead", colour: "--s1" }]),
        one("MW, discharge positive", "Power", [of("mw", "MW", "--s0", (v) => number(v, 1))], (v) => number(v)),
        one("State of charge, MWh", "State of charge", [of("soc", "MWh", "--s4", (v) => number(v, 1))], (v) => number(v)),
        one("Energy dollars, cumulative", "Energy dollars added up", [{ values: charts.sums(figures.usd), colour: "--s2", said: (value, n) => `${when[n]} ${dollars(value)}` }], charts.short)),
      node("details", { class: "figures" }, node("summary", {}, "The quarter-hours as a table"), boxed(headings, rows, `Quarter-hours of ${day}`)),
    ];
  }

  // --- what a server adds -----------------------------------------------------------------------------------------------------------------

  /** Rows of an answer of the API by column. */
  async function ask(question, parameters = {}) {
    const response = await fetch(`api/${question}?${new URLSearchParams(parameters)}`);
    const said = await response.json();
    if (!response.ok) throw new Error([said.problem, said.expected && `Expected: ${said.expected}.`, said.remedy].filter(Boolean).join(" "));
    return said.rows.map((row) => byName(said.columns, row));
  }
  /** A form of fields whose answer appears below it. */
  function asking(fields, button, show) {
    const place = node("div", { role: "status" });
    const form = node("form", { class: "controls" }, ...fields.map(([, label]) => label), node("button", { class: "quiet" }, button));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try { place.replaceChildren(...(await show(...fields.map(([field]) => field.value)))); } catch (error) { place.replaceChildren(node("p", { class: "notice" }, error.message)); }
    });
    return [form, place];
  }
  function dayField(label, value) {
    const field = node("input", { type: "date", required: true, value });
    field.value = value;
    return [field, node("label", {}, label, field)];
  }
  /** Any day of the battery by quarter-hour. */
  function askedDays(name, year) {
    const day = dayField("Day", year.days[0]?.day ?? `${year.year}-01-01`);
    return [node("h2", {}, "Any day"), ...asking([day], "Show the day", async (chosen) => {
      const rows = await ask("battery_intervals", { name, day: chosen });
      const of = (column) => rows.map((row) => row[column]);
      const prices = of("da_price_usd_per_mwh").filter((_, n) => n % 4 === 0);
      return dayByQuarterHour(chosen, rows.length ? { start: rows[0].interval_start, rt_price: of("rt_price_usd_per_mwh"), da_price: prices, mw: of("net_mw"), soc: of("soc_mwh"), usd: of("energy_usd") } : null);
    })];
  }
  /** The board of any days in a row. */
  function showDays() {
    const end = String(site.years.at(-1).data_through);
    const fields = [dayField("First day", `${end.slice(0, 8)}01`), dayField("Last day", end)];
    main.replaceChildren(remark(`The leaderboard of any days in a row, by the rules of a month. Data go to ${end}: later days add nothing.`), ...asking(fields, "Show the board", async (first, last) => {
      const rows = await ask("leaderboard_of_days", { first, last });
      const headings = [{ label: "Battery", text: true }, { label: "Rank" }, { label: "MW" }, { label: "Total $" }, { label: "$/kW-month" }, { label: "DA energy $" }, { label: "RT energy $" }, { label: "Ancillary $" }, { label: "Energy cov." }, { label: "AS cov." }, { label: "Not ranked, or to know", text: true, wrap: true }];
      return searchable("Search", headings, rows.map((row) => [
        link(row.battery, pageOf(row.battery), { class: "name-button", title: row.battery }), words(row.rank), number(row.capacity_mw, 1), number(row.total_usd), number(row.usd_per_kw_month, 2), number(row.da_energy_usd), number(row.rt_energy_usd), number(row.as_usd),
        percent(row.energy_coverage), percent(row.as_coverage), words([row.excluded_reason, row.notes].filter(Boolean).join("; ")),
      ]), `Leaderboard from ${first} to ${last}`);
    }));
  }
  /** The questions of the API, and how long those asked so far took. */
  async function showApi() {
    const [described, asked] = await Promise.all([fetch("api/openapi.json").then((response) => response.json()), ask("statistics")]);
    const rows = Object.entries(described.paths).map(([path, { get }]) => [path, get.parameters.map((own) => own.name + (own.required ? "" : "?")).join(", ") || UNKNOWN, get.summary]);
    const seconds = (value) => number(value, 3);
    main.replaceChildren(
      node("p", {}, "Each address is a method of Results; the answer is JSON, with columns and rows, and null where a figure is unknown. ", link("OpenAPI", "api/openapi.json")),
      boxed([{ label: "Address", text: true }, { label: "Parameters", text: true, wrap: true }, { label: "Answers", text: true, wrap: true }], rows, "Questions of the API"),
      node("h2", {}, "Questions asked so far"),
      boxed([{ label: "Question", text: true }, { label: "Asked" }, { label: "From memory" }, { label: "Rows" }, { label: "Median s" }, { label: "95th percentile s" }, { label: "Longest s" }],
        asked.map((row) => [row.question, number(row.asked), number(row.from_memory), number(row.rows), seconds(row.median_seconds), seconds(row.p95_seconds), seconds(row.longest_seconds)]), "Questions asked so far"));
  }

  // --- compare ----------------------------------------------------------------------------------------------------------------------------

  async function showCompare() {
    const asked = bess.stateOfAddress();
    const chosen = [1, 2, 3, 4, 5].map((n) => asked[n]).filter((name) => NAMES.includes(name));
    const choose = (n, name) => {
      const every = [...chosen];
      if (name) every[n] = name; else every.splice(n, 1);
      location.hash = bess.hashOf(Object.fromEntries([...new Set(every.filter(Boolean))].map((own, k) => [k + 1, own])));
    };
    const fields = [...chosen, ...(chosen.length < 5 ? [""] : [])].map((name, n) => choice(`Battery ${n + 1}`, [["", n < chosen.length ? "leave out" : "choose"], ...NAMES.map((own) => [own, own])], name, (value) => choose(n, value)));
    const form = node("form", { class: "controls" }, ...fields);
    if (!chosen.length) { main.replaceChildren(form, remark("Two to five batteries side by side. The address holds the choice, so that it can be sent.")); return; }
    const every = await Promise.all(chosen.map(battery));
    const named = chosen.map((name, n) => ({ name, colour: COLOURS[n] }));
    const years = YEARS.filter((year) => every.some((own) => own.some((row) => row.year === year)));
    const cell = (own, year, column) => own.find((row) => row.year === year)?.[column];
    const lines = (column, show) => charts.lines({
      times: years.map((year) => Date.UTC(year, 0, 1)), points: true, tickFormat: "%Y", height: 230, format: (value) => number(value, 1),
      series: every.map((own, n) => ({ values: years.map((year) => cell(own, year, column) ?? null), colour: COLOURS[n], said: (value, k) => `${chosen[n]}, ${years[k]}: ${show(value)}` })),
    });
    const moments = years.flatMap((year) => MONTHS.map((_, n) => [year, n + 1]));
    const monthly = charts.lines({
      times: moments.map(([year, month]) => Date.UTC(year, month - 1, 1)), height: 260, format: (value) => number(value, 0),
      series: every.map((own, n) => ({
        values: moments.map(([year, month]) => own.find((row) => row.year === year)?.months.find((row) => row.month === month)?.usd_per_kw_month ?? null), colour: COLOURS[n],
        said: (value, k) => `${chosen[n]}, ${MONTHS[moments[k][1] - 1]} ${moments[k][0]}: ${perKw(value)}`,
      })),
    });
    const figures = [
      ["Rank", "rank", words], ["Total $", "total_usd", number], ["$/kW-month", "usd_per_kw_month", (v) => number(v, 2)], ["Class median $/kW-month", "class_median_usd_per_kw_month", (v) => number(v, 2)], ["DA energy $", "da_energy_usd", number], ["RT energy $", "rt_energy_usd", number],
      ["Ancillary $", "as_usd", number], ["Energy share", "energy_share", percent], ["Cycles/day", "cycles_per_day", (v) => number(v, 2)], ["Efficiency", "round_trip_efficiency", percent], ["TB2 capture", "tb2_capture", percent], ["Energy coverage", "energy_coverage", percent],
    ];
    const sized = node("ul", { class: "legend large" }, ...every.map((own, n) => {
      const mark = node("i");
      mark.style.background = `var(${COLOURS[n]})`;
      const last = own.at(-1);
      return node("li", {}, mark, link(chosen[n], pageOf(chosen[n])), ` ${number(last.capacity_mw, 1)} MW, ${hours(last.duration_hours, last.duration_source)} h`);
    }));
    main.replaceChildren(
      form, sized,
      node("section", { class: "charts two", tabindex: "0", "aria-label": "Charts of the batteries compared" },
        charts.chart("$/kW-month by year", "Lines of dollars per kW and month by year. The tables below hold the figures.", lines("usd_per_kw_month", perKw), named),
        charts.chart("TB2 capture by year", "Lines of TB2 capture by year. The tables below hold the figures.", lines("tb2_capture", percent), named)),
      charts.chart("$/kW-month by month", "Lines of dollars per kW and month by month. The batteries' own pages hold the figures.", monthly, named),
      ...[...years].reverse().flatMap((year) => [
        node("h2", {}, String(year)),
        boxed([{ label: "Figure", text: true }, ...chosen.map((name) => ({ label: name }))], figures.map(([label, column, show]) => [label, ...every.map((own) => show(cell(own, year, column)))]), `Figures of ${year}`),
      ]));
  }

  // --- groups -----------------------------------------------------------------------------------------------------------------------------

  function showGroups() {
    const groups = bess.here("groups");
    const asked = bess.stateOfAddress();
    const WORDS = { qse: "QSE", node: "Node", duration: "Duration class", strategy: "Strategy", site: "Site" };
    const kinds = groups.kinds.map((kind) => [kind, WORDS[kind] ?? kind]);
    const by = groups.kinds.includes(asked.by) ? asked.by : "duration";
    const year = YEARS.find((own) => String(own) === asked.year) ?? YEARS.at(-1);
    const choose = (more) => { location.hash = bess.hashOf({ by, year, ...more }); };
    const label = WORDS[by] ?? by;
    const rows = groups.rows.filter((row) => row.by === by && row.year === year);
    const streams = bess.existing(STREAMS, rows);
    const shown = rows.slice(0, 24);
    const headings = [{ label, text: true }, { label: "Ranked" }, { label: "Tolled", title: "Batteries whose contract is a toll, by the battery table: their owners are not paid what the board says" }, { label: "MW ranked" }, { label: "Ranked total $" }, { label: "Known total $" }, { label: "$/kW-month" }, { label: "Energy share" }, { label: "Energy cov." }, ...streams.map((s) => ({ label: `${s.short} $` }))];
    main.replaceChildren(
      node("form", { class: "controls" }, choice("Group by", kinds, by, (value) => choose({ by: value })), choice("Year", YEARS.map((own) => [String(own), String(own)]), String(year), (value) => choose({ year: value }))),
      node("section", { class: "charts two", tabindex: "0", "aria-label": "Charts of the groups" },
        charts.chart(`Ranked total by ${label}, ${year}, $`, "Stacked bars of each group's revenue by stream. The table holds the figures.", charts.stack({ labels: shown.map((row) => row.group), rows: shown, streams }), streams),
        charts.chart(`$/kW-month by ${label}, ${year}`, "Bars of each group's average. The table holds the figures.", charts.bars({ labels: shown.map((row) => row.group), values: shown.map((row) => row.usd_per_kw_month), digits: 2, unit: "$/kW-month" }))),
      ...(rows.length > shown.length ? [remark(`The charts show the first ${shown.length} of ${rows.length} groups.`)] : []),
      ...searchable("Search", headings, rows.map((row) => [
        row.group, `${number(row.batteries_ranked)} of ${number(row.batteries)}`, number(row.batteries_tolled), number(row.capacity_mw, 1), number(row.ranked_total_usd), number(row.known_total_usd), number(row.usd_per_kw_month, 2),
        percent(row.energy_share), percent(row.energy_coverage), ...streams.map((s) => number(row[s.column])),
      ]), `Groups by ${label}, ${year}`));
  }

  // --- indices ----------------------------------------------------------------------------------------------------------------------------

  function showIndices() {
    const data = bess.here("indices");
    const asked = bess.stateOfAddress();
    const year = data.years.find((own) => String(own.year) === asked.year) ?? data.years.at(-1);
    const choose = (more) => { location.hash = bess.hashOf({ year: year.year, month: asked.month, ...more }); };
    const rate = (value) => number(value, 2);
    const rows = year.rows.map((row) => byName(data.columns, row));
    const published = year.published.map((row) => byName(data.published_columns, row));
    const others = (month) => published.find((own) => own.month === month);
    const range = (own) => (!own ? UNKNOWN : own.low === own.high ? rate(own.low) : `${rate(own.low)} to ${rate(own.high)}`);
    const of = (name, basis = "installed") => rows.filter((row) => row.class === name && row.basis === basis);
    const monthOf = (own, month) => own.find((row) => row.month === month);
    const fleet = of("fleet").filter((row) => row.month);
    const classes = [...new Set(rows.map((row) => row.class))].filter((name) => name !== "fleet").map((name, n) => ({ name, colour: COLOURS[n % COLOURS.length] }));
    const numbers = fleet.map((row) => row.month);
    const times = numbers.map((month) => Date.UTC(year.year, month - 1, 1));
    const line = (name, colour, values) => ({ values, colour, said: (value, n) => `${MONTHS[numbers[n] - 1]}, ${name}: ${perKw(value)}` });
    const headings = [
      { label: "Period", text: true }, { label: "Batteries" }, { label: "MW" }, { label: "$/kW-month", title: "Over every MW since it was first active" }, { label: "DA energy" }, { label: "RT energy" }, { label: "Ancillary" },
      { label: "$/kW-month, active", title: "The same dollars over MW at work on the day" }, { label: "P10" }, { label: "P50" }, { label: "P90" }, { label: "Published" }, { label: "Basis of what is published", text: true, wrap: true },
    ];
    const table = (label, row) => [
      label, number(row.batteries), number(row.capacity_mw, 1), rate(row.usd_per_kw_month), rate(row.da_energy_usd_per_kw_month), rate(row.rt_energy_usd_per_kw_month), rate(row.as_usd_per_kw_month),
      rate(of("fleet", "active").find((own) => own.period === row.period && own.month === row.month)?.usd_per_kw_month), rate(row.p10), rate(row.p50), rate(row.p90), range(others(row.month)), words(others(row.month)?.basis),
    ];
    const months = Object.keys(year.days);
    const month = months.includes(asked.month) ? asked.month : months.at(-1);
    const clock = Array.from({ length: 96 }, (_, n) => `${String(n >> 2).padStart(2, "0")}:${String(15 * (n % 4)).padStart(2, "0")}`);
    const start = Date.UTC(2000, 0, 1);
    const ofDay = (n, name, colour) => ({ values: year.days[month][n], colour, said: (value, k) => `${clock[k]} ${name}: ${dollars(value, 4)} per kW` });
    const cents = (value) => number(value, 4);
    main.replaceChildren(
      node("form", { class: "controls" }, choice("Year", data.years.map((own) => [String(own.year), String(own.year)]), String(year.year), (value) => choose({ year: value }))),
      node("section", { class: "charts two", tabindex: "0", "aria-label": `Charts of ${year.year}` },
        charts.chart(`Fleet, $/kW-month, ${year.year}`, "Bars of the fleet's index by month on installed MW. The table holds the figures.", charts.bars({ labels: charts.monthLabels(numbers), full: numbers.map((n) => MONTHS[n - 1]), values: fleet.map((row) => row.usd_per_kw_month), digits: 2, unit: "$/kW-month" })),
        charts.chart(`Duration classes, $/kW-month, ${year.year}`, "Lines of the index of each duration class by month. The table of classes holds the figures.",
          charts.lines({ times, points: true, height: 220, format: (value) => number(value, 1), series: classes.map(({ name, colour }) => line(name, colour, numbers.map((n) => monthOf(of(name), n)?.usd_per_kw_month ?? null))) }), classes)),
      boxed(headings, [...of("fleet").filter((row) => !row.month).map((row) => table(String(year.year), row)), ...fleet.map((row) => table(MONTHS[row.month - 1], row))], `Index of the fleet, ${year.year}`),
      remark("Dollars of the ranked batteries of the month or year over their kW, $/kW-month; percentiles are of the batteries' own. Figures that others published are on their own basis, and stand beside no made-up data: methodology, section 16."),
      node("h2", {}, "Duration classes"),
      boxed([{ label: "Period", text: true }, ...classes.map(({ name }) => ({ label: name }))], [null, ...numbers].map((n) => [n ? MONTHS[n - 1] : String(year.year), ...classes.map(({ name }) => rate(of(name).find((row) => row.month === n)?.usd_per_kw_month))]), `Index of duration classes, ${year.year}`),
      ...(month ? [
        node("h2", {}, "By quarter-hour of the day"),
        node("form", { class: "controls" }, choice("Month", months.map((own) => [own, MONTHS[own - 1]]), month, (value) => choose({ month: value }))),
        charts.chart(`What a kW of the fleet earned in ${MONTHS[month - 1]} ${year.year}, by quarter-hour of the day, $`, "Lines of energy and ancillary dollars per kW by quarter-hour, summed over the days of the month. The table below holds the figures.",
          charts.lines({ times: clock.map((_, n) => start + n * 900000), height: 240, format: (value) => number(value, 3), tickFormat: (time) => new Date(time).toISOString().slice(11, 16), series: [ofDay(0, "energy", "--s0"), ofDay(1, "ancillary services", "--s2")] }),
          [{ name: "Energy", colour: "--s0" }, { name: "Ancillary services, a quarter of their hour", colour: "--s2" }]),
        remark("Central time; days of clock changes are left out. One day by quarter-hour: bess index YEAR --day DAY."),
        node("details", { class: "figures" }, node("summary", {}, "The quarter-hours as a table"),
          boxed([{ label: "Central time", text: true }, { label: "Energy $/kW" }, { label: "Ancillary $/kW" }], clock.map((time, n) => [time, cents(year.days[month][0][n]), cents(year.days[month][1][n])]), `Quarter-hours of ${MONTHS[month - 1]} ${year.year}`)),
      ] : []));
  }

  // --- dictionary and downloads -----------------------------------------------------------------------------------------------------------

  function showDictionary() {
    const { tables, files } = bess.here("dictionary");
    const downloads = Object.entries(files).reverse().map(([year, own]) => [year, node("span", {}, ...own.flatMap(([label, href], n) => [n ? " · " : "", link(label, href, { download: "" })]))]);
    main.replaceChildren(
      node("h2", {}, "Downloads"), boxed([{ label: "Year", text: true }, { label: "Files", text: true }], downloads, "Downloads"),
      remark("The workbook here holds boards and months; the one beside the year's own page holds every day too."),
      node("h2", {}, "Result tables"), remark("Each is one Parquet file a year in the results folder; every column says what it means in the file's own schema too."),
      ...tables.map((own) => node("details", { class: "figures" }, node("summary", {}, own.name), remark(own.meaning),
        own.columns.length ? boxed([{ label: "Column", text: true }, { label: "Kind", text: true }, { label: "Meaning", text: true, wrap: true }], own.columns, `Columns of ${own.name}`) : null)));
  }

  const VIEWS = { index: showIndex, battery: showBattery, compare: showCompare, groups: showGroups, indices: showIndices, dictionary: showDictionary, method: () => {}, days: showDays, api: showApi };
  const LOADED = { groups: "groups", indices: "indices", dictionary: "dictionary" };
  let turn = 0;
  async function show() {
    const mine = ++turn;
    const view = root.dataset.shows;
    try {
      if (LOADED[view]) await bess.load(LOADED[view]);
      if (mine === turn) await VIEWS[view]();
    } catch (error) { failed(error); throw error; }
    for (const form of document.querySelectorAll("form.controls")) form.addEventListener("submit", (event) => event.preventDefault());
    root.dataset.ready = "true";
  }
  addEventListener("hashchange", () => { if (!at(location.hash.slice(1))) show(); });
  show();
})();
