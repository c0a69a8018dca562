// The year: the board with its filters and units, the fleet's figures and charts, and one battery.
//
// Figures are those of the result tables. In a unit other than $ a stream is its share of the total there; with filters dollars and MW of the batteries shown
// are added up, and the median is the middle one of them. The address holds period, unit, filters, order and battery, so that a view can be sent.
"use strict";
(() => {
  const {
    MONTHS, UNKNOWN, UNITS, STRATEGIES, at, absent, number, dollars, largeDollars, percent, words, spell, median, ascending, node, table, boxed, tile, legend, link,
    charts,
  } = bess;
  const own = at("data");
  const data = own ? JSON.parse(own.textContent) : bess.here(document.documentElement.dataset.shows);
  const STREAMS = bess.streamsOf(data.streams);
  const existing = (rows) => bess.existing(STREAMS, rows);
  const BANDS = {
    duration: { column: "duration_hours", unit: "h", limits: data.duration_limits_hours },
    size: { column: "capacity_mw", unit: "MW", limits: [10, 50, 100, 200] },
  };

  // --- rows -------------------------------------------------------------------------------------------------------------------------------

  const state = { period: 0, unit: "total_usd" };
  const period = () => data.periods[state.period];
  const monthPeriods = data.periods.filter((p) => p.month);
  const periodName = (p) => (p.month ? `${MONTHS[p.month - 1]} ${data.year}` : String(data.year));
  const text = (p, column, i) => data.texts[p[column][i]];
  const fixed = (column, battery) => data.batteries[column][battery];

  function rowsOf(p) {
    return p.battery.map((battery, i) => ({ p, i, battery, get: (column) => p[column][i] }));
  }
  const rankedOf = (p) => rowsOf(p).filter((row) => row.get("rank") !== null);
  /** A stream in the unit chosen: its share of the total there. Unknown where the total is unknown in that unit. */
  function inUnit(row, column, unit) {
    const value = row.get(column);
    if (unit === "total_usd" || column === "total_usd") return column === "total_usd" ? row.get(unit) : value;
    const whole = row.get("total_usd");
    const scaled = row.get(unit);
    if (value === null || whole === null || scaled === null) return null;
    if (whole === 0) return value === 0 ? 0 : null;
    return value * (scaled / whole);
  }
  function durationText(battery) {
    const hours = fixed("duration_hours", battery);
    if (hours === null) return UNKNOWN;
    return (fixed("duration_source", battery) === "assumed" ? "~" : "") + number(hours, 1);
  }
  function startText(battery) {
    const year = fixed("start_year", battery);
    if (year === null) return UNKNOWN;
    return fixed("perhaps_earlier", battery) ? `≤ ${year}` : String(year);
  }
  let places = new Map(); // by battery: place among the ranked of the period in the unit chosen
  function placeAll(ranked) {
    if (state.unit === "total_usd") { places = new Map(ranked.map((row) => [row.battery, row.get("rank")])); return; }
    const known = ranked.filter((row) => row.get(state.unit) !== null).sort((a, b) => b.get(state.unit) - a.get(state.unit) || a.get("rank") - b.get("rank"));
    places = new Map(known.map((row, n) => [row.battery, n + 1]));
  }

  // --- filters ----------------------------------------------------------------------------------------------------------------------------

  function bandOf(kind, battery) {
    const { column, limits } = BANDS[kind];
    const value = fixed(column, battery);
    if (value === null || (kind === "duration" && fixed("duration_source", battery) === "assumed")) return "unknown";
    return String(limits.filter((limit) => value >= limit).length);
  }
  function bandName(kind, band) {
    const { unit, limits } = BANDS[kind];
    if (band === "unknown") return "unknown";
    const n = Number(band);
    if (n === 0) return `under ${limits[0]} ${unit}`;
    if (n === limits.length) return `${limits[n - 1]} ${unit} and more`;
    return `${limits[n - 1]} to ${limits[n]} ${unit}`;
  }
  const filters = {
    duration: (row) => bandOf("duration", row.battery),
    size: (row) => bandOf("size", row.battery),
    strategy: (row) => text(row.p, "strategy", row.i) ?? "unknown",
    start: (row) => (fixed("start_year", row.battery) === null ? "unknown" : startText(row.battery)),
  };
  const filterNames = {
    duration: (value) => bandName("duration", value),
    size: (value) => bandName("size", value),
    strategy: (value) => STRATEGIES[value] ?? value,
    start: (value) => value,
  };
  // Further columns of the battery table, such as owner: a filter each.
  const attributesOf = data.batteries.attributes.map((own) => Object.fromEntries(bess.attributes(own)));
  const further = [...new Set(attributesOf.flatMap(Object.keys))].sort().map((name, n) => ({ name, id: `further-${n}` }));
  for (const { name, id } of further) {
    at("controls").querySelector("[type=reset]").before(node("label", {}, name, node("select", { id })));
    filters[id] = (row) => attributesOf[row.battery][name] ?? "unknown";
    filterNames[id] = (value) => value;
  }
  function fillFilters() {
    const whole = rowsOf(data.periods[0]);
    for (const name of Object.keys(filters)) {
      // A strategy is of a period; all else is of the battery.
      const rows = name === "strategy" ? data.periods.flatMap(rowsOf) : whole;
      const values = [...new Set(rows.map(filters[name]))].sort((a, b) => (a === "unknown") - (b === "unknown") || a.localeCompare(b, "en", { numeric: true }));
      at(name).replaceChildren(node("option", { value: "" }, "any"), ...values.map((value) => node("option", { value }, filterNames[name](value))));
    }
  }
  const SEARCHED = ["battery", "gen_resource", "load_resource", "esr_resource", "settlement_point", "qse", "attributes"];
  const searchTexts = data.batteries.battery.map((_, n) => SEARCHED.map((column) => fixed(column, n) ?? "").join("\n").toUpperCase());
  function wanted(row) {
    if (!searchTexts[row.battery].includes(at("search").value.trim().toUpperCase())) return false;
    return Object.keys(filters).every((name) => at(name).value === "" || at(name).value === filters[name](row));
  }

  // --- the board --------------------------------------------------------------------------------------------------------------------------

  // Unknown comes last, whichever way the column is ordered.
  const unknownLast = (compare) => (a, b) => (a === null ? (b === null ? 0 : 1) : b === null ? -1 : compare(a, b));
  for (const [type, compare] of [["known-number", (a, b) => a - b], ["known-text", (a, b) => a.localeCompare(b, "en", { numeric: true })]]) {
    DataTable.ext.type.order[`${type}-asc`] = unknownLast(compare);
    DataTable.ext.type.order[`${type}-desc`] = unknownLast((a, b) => compare(b, a));
  }

  function batteryButton(battery) {
    const name = fixed("battery", battery);
    const button = node("button", { type: "button", class: "name-button", title: name }, name);
    button.addEventListener("click", () => openBattery(battery));
    return button;
  }
  const rankWithChange = (row, rank) => bess.rankCell(rank, row.get("rank_change"), row.p.month ? bess.monthBefore(data.year, row.p.month) : data.year - 1);
  const rankCell = (row) => (state.unit === "total_usd" ? rankWithChange(row, places.get(row.battery)) : bess.rankCell(places.get(row.battery)));
  let most = 0; // the largest total of the period, in the unit chosen
  function mixCell(row) {
    const parts = STREAMS.map((s) => ({ s, value: inUnit(row, s.column, state.unit) })).filter((part) => part.value > 0);
    const positive = parts.reduce((sum, part) => sum + part.value, 0);
    const width = most > 0 ? Math.max(0, Math.min(1, (row.get(state.unit) ?? 0) / most)) : 0;
    const said = parts.map((part) => `${part.s.name} ${percent(part.value / positive)}`).join(", ");
    const bar = node("div", { class: "mix", role: "img", "aria-label": said ? `Of what was earned: ${said}` : "nothing earned", title: said });
    let from = 0;
    const stops = parts.map((part) => {
      const to = from + (100 * part.value) / positive;
      const stop = `var(${part.s.colour}) ${from}% ${to}%`;
      from = to;
      return stop;
    });
    bar.style.width = `${58 * width}px`;
    if (stops.length) bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
    return bar;
  }
  const money = (column, label, title) => ({ label, title, unit: true, value: (row) => inUnit(row, column, state.unit), show: (value) => spell(value, state.unit), column });
  const COLUMNS = [
    { label: "Rank", title: "Place among the ranked batteries of the period, in the unit chosen; beside it places gained or lost in $ since the year before, of a month since the month before", first: "asc", value: (row) => places.get(row.battery), show: (_, row) => rankCell(row) },
    { label: "Battery", title: "Stable name; opens its months and days", kind: "text", name: true, value: (row) => fixed("battery", row.battery), show: (_, row) => batteryButton(row.battery) },
    money("total_usd", "Total", "Energy and ancillary services, in the unit chosen"),
    { label: "$/kW\u2011mo", title: "Dollars per kW and month, scaled from active days to the whole period", value: (row) => row.get("usd_per_kw_month"), show: (value) => number(value, 2), column: "usd_per_kw_month" },
    { label: "Streams", fixedOrder: true, title: "Width: the total against the largest. Colours: as in the chart of months", value: () => null, show: (_, row) => mixCell(row) },
    { label: "MW", title: "Power; the battery's own page says its source", value: (row) => fixed("capacity_mw", row.battery), show: (value) => number(value, 1), column: "capacity_mw" },
    { label: "Hours", title: "MWh / MW; ~ marks an assumption that no figure uses", value: (row) => fixed("duration_hours", row.battery), show: (_, row) => durationText(row.battery), column: "duration_hours" },
    money("da_energy_usd", "DA energy", "Day-ahead energy"),
    money("rt_energy_usd", "RT energy", "Real-time energy, charging included"),
    money("as_usd", "Ancillary", "Ancillary services, all products"),
    { label: "Strategy", title: "energy, ancillary or hybrid, by where the dollars came from", kind: "text", value: (row) => STRATEGIES[text(row.p, "strategy", row.i)] ?? text(row.p, "strategy", row.i), show: words, column: "strategy" },
    { label: "Start", kind: "text", title: "First year in which it was active; ≤ if it may have begun before", value: (row) => (fixed("start_year", row.battery) === null ? null : startText(row.battery)), show: words },
    { label: "Cycles/d", title: "Full discharges per observed day", value: (row) => row.get("cycles_per_day"), show: (value) => number(value, 2), column: "cycles_per_day" },
    { label: "Eff.", title: "Discharge / charge", value: (row) => row.get("round_trip_efficiency"), show: percent, column: "round_trip_efficiency" },
    { label: "TB2 capt.", title: "Energy revenue against a perfect two-hour day-ahead trade", value: (row) => row.get("tb2_capture"), show: percent, column: "tb2_capture" },
    { label: "Energy cov.", title: "Share of expected quarter-hours whose energy revenue is known", value: (row) => row.get("energy_coverage"), show: percent, column: "energy_coverage" },
    { label: "AS cov.", title: "Share of expected hours whose ancillary revenue is known", value: (row) => row.get("as_coverage"), show: percent, column: "as_coverage" },
  ];
  const TOTAL = COLUMNS.findIndex((column) => column.column === "total_usd");
  let board = null;

  function makeBoard() {
    board = new DataTable("#board", {
      data: [],
      autoWidth: false,
      paging: false,
      info: false,
      order: [[0, "asc"]],
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      language: { emptyTable: "No battery is ranked in this period.", zeroRecords: "No battery fits these filters." },
      columns: COLUMNS.map((column) => ({
        title: column.label,
        type: column.kind === "text" ? "known-text" : "known-number",
        orderable: !column.fixedOrder,
        orderSequence: column.kind === "text" || column.first === "asc" ? ["asc", "desc"] : ["desc", "asc"],
        searchable: false,
        cellType: column.name ? "th" : "td",
        className: (column.kind === "text" ? "text" : "") + (column.name ? " name" : ""),
        data: null,
        // The library writes markup into a cell: it is given none, and the cell is filled here, with text.
        render: (_, purpose, row) => (purpose === "display" ? "" : column.value(row) ?? null),
        createdCell: (made, _, row) => {
          const value = column.value(row) ?? null;
          made.append(column.show(value, row));
          if (column.name) made.setAttribute("scope", "row");
          if (column.column) made.dataset.column = column.column;
          if (!column.fixedOrder && value === null) made.classList.add("unknown");
        },
      })),
      createdRow: (made, row) => { made.dataset.battery = fixed("battery", row.battery); },
    });
    board.search.fixed("filters", (_, row) => wanted(row));
    board.columns().every(function (n) {
      const header = this.header();
      header.setAttribute("scope", "col");
      header.title = COLUMNS[n].title;
    });
    board.on("order.dt", () => keepState());
    at("legend").replaceChildren(...COLUMNS.map((column) => node("div", {}, node("dt", {}, column.label), node("dd", {}, column.title))));
  }

  function showBoard() {
    const unit = UNITS[state.unit].label;
    board.columns().every(function (n) {
      if (COLUMNS[n].unit) this.header().querySelector(".dt-column-title").textContent = `${COLUMNS[n].label} ${UNITS[state.unit].short ?? unit}`;
    });
    const ranked = rankedOf(period());
    placeAll(ranked);
    most = ranked.reduce((largest, row) => Math.max(largest, row.get(state.unit) ?? 0), 0);
    board.clear();
    board.rows.add(ranked);
    board.draw();
    at("board-title").textContent = `Leaderboard ${periodName(period())}`;
    at("board-caption").textContent = `Ranked batteries, ${periodName(period())}, in ${unit}. Columns can be ordered by their headings.`;
    showUnranked();
    afterFilter();
  }
  const shownRows = () => board.rows({ search: "applied" }).data().toArray();
  function afterFilter() {
    const shown = shownRows();
    const every = period().fleet.ranked;
    const all = shown.length === every;
    at("count").textContent = all ? `All ${every} ranked batteries` : `${shown.length} of ${every} ranked batteries: tiles and charts are of these`;
    const assumed = shown.some((row) => fixed("duration_source", row.battery) === "assumed");
    at("board-remark").textContent = `${UNKNOWN} is unknown, never zero.` + (assumed ? " ~ marks an assumed duration, used in no figure." : "") + " Coverage and shares are cut, not rounded.";
    showTiles(shown, all);
    showMonths(shown, all);
    drawSpread(shown);
    keepState();
  }

  function showUnranked() {
    const p = period();
    const rows = rowsOf(p).filter((row) => row.get("rank") === null);
    at("unranked-remark").textContent = rows.length ? `${rows.length} of ${p.battery.length} batteries cannot be ranked fairly in ${periodName(p)}. What is known of them is shown, not scaled up.` : `Every battery of ${periodName(p)} is ranked.`;
    const headings = [{ label: "Battery", text: true }, { label: "MW" }, { label: "Energy $" }, { label: "Ancillary $" }, { label: "Total $" }, { label: "Energy cov." }, { label: "AS cov." }, { label: "Why not ranked", text: true, wrap: true }];
    const shown = rows.map((row) => [
      batteryButton(row.battery), number(fixed("capacity_mw", row.battery), 1), number(row.get("energy_usd")), number(row.get("as_usd")), number(row.get("total_usd")),
      percent(row.get("energy_coverage")), percent(row.get("as_coverage")), words(text(p, "excluded_reason", row.i)),
    ]);
    at("unranked").replaceChildren(...(rows.length ? [table(headings, shown, `Batteries not ranked, ${periodName(p)}`)] : []));
  }

  // --- the fleet --------------------------------------------------------------------------------------------------------------------------

  function showEdition() {
    const [edition, ...more] = data.edition_parts;
    at("edition").replaceChildren(node("span", { class: "badge" }, edition), ` ${more.join(" · ")}`);
    at("inputs-title").textContent = `From ${data.inputs.length} inputs`;
    at("inputs").replaceChildren(table([{ label: "Input", text: true }, { label: "SHA-256", text: true }], data.inputs, "Inputs and their digests"));
  }
  /** Links to the pages of other years carry the unit and the filters; a month or a battery may not be there. */
  function showLinks() {
    const { unit, q, duration, size, strategy } = currentState();
    const years = data.years.map(([year, href]) => link(String(year), href + bess.hashOf({ unit, q, duration, size, strategy })));
    const files = data.files.map(([label, href]) => link(label, href));
    at("links").replaceChildren(...(years.length ? ["Other years: ", ...spaced(years)] : []), ...(files.length ? [years.length ? " · Files: " : "Files: ", ...spaced(files)] : []));
  }
  const spaced = (nodes) => nodes.flatMap((one, n) => (n ? [" ", one] : [one]));
  const sum = (rows, column) => {
    const known = rows.map((row) => row.get(column)).filter((value) => value !== null);
    return known.length ? known.reduce((total, value) => total + value, 0) : null;
  };
  function showTiles(shown, all) {
    const fleet = period().fleet;
    const { label, digits } = UNITS[state.unit];
    const sorted = ascending(shown.map((row) => row.get(state.unit)));
    const unit = (value) => (absent(value) ? UNKNOWN : state.unit === "total_usd" ? largeDollars(value) : `$${number(value, digits)}`.replace("$−", "−$"));
    const middle = tile(`Median ${label}`, unit(median(sorted)), sorted.length ? `from ${unit(sorted[0])} to ${unit(sorted.at(-1))}` : "no battery to show");
    if (all) {
      at("tiles").replaceChildren(
        tile("Fleet average", fleet.usd_per_kw_year === null ? UNKNOWN : `$${number(fleet.usd_per_kw_year, 2)}`, `per kW-year · ${fleet.usd_per_kw_month === null ? UNKNOWN : "$" + number(fleet.usd_per_kw_month, 2)} per kW-month`),
        middle,
        tile("Ranked total", largeDollars(fleet.ranked_total_usd), `${dollars(fleet.ranked_total_usd)} in ${periodName(period())} · known total ${largeDollars(fleet.known_total_usd)} · stream total ${largeDollars(fleet.stream_total_usd)}`),
        tile("Ranked", `${number(fleet.ranked)} of ${number(fleet.batteries)}`, `${number(fleet.capacity_mw, 1)} MW ranked`),
        tile("Energy share", percent(fleet.energy_share), `energy ${largeDollars(fleet.energy_usd)} · ancillary ${largeDollars(fleet.as_usd)}`),
        tile("Mean coverage", percent(fleet.energy_coverage), `of energy · ${percent(fleet.as_coverage)} of ancillary services`),
      );
      return;
    }
    const mw = shown.map((row) => fixed("capacity_mw", row.battery)).filter((value) => value !== null);
    const total = sum(shown, "total_usd");
    const least = (column) => ascending(shown.map((row) => row.get(column)))[0];
    at("tiles").replaceChildren(
      middle,
      tile("Revenue of those shown", largeDollars(total), `${dollars(total)} in ${periodName(period())}`),
      tile("Shown", `${number(shown.length)} of ${number(fleet.ranked)}`, `ranked batteries · ${number(mw.reduce((a, b) => a + b, 0), 1)} MW`),
      tile("Energy", largeDollars(sum(shown, "energy_usd")), `ancillary services ${largeDollars(sum(shown, "as_usd"))}`),
      tile("Least coverage", percent(least("energy_coverage")), `of energy · ${percent(least("as_coverage"))} of ancillary services`),
    );
  }

  /** In dollars the streams of the ranked batteries of each month, of those shown where filters leave some out; else the median of each month. */
  function showMonths(shown, all) {
    const kept = new Set(shown.map((row) => row.battery));
    const ofMonth = monthPeriods.map((p) => rankedOf(p).filter((row) => all || kept.has(row.battery)));
    const sums = monthPeriods.map((p, n) => (all ? p.fleet : { ...Object.fromEntries(STREAMS.map((s) => [s.column, sum(ofMonth[n], s.column)])), ranked_total_usd: sum(ofMonth[n], "total_usd") }));
    const numbers = monthPeriods.map((p) => p.month);
    const named = { labels: charts.monthLabels(numbers), full: numbers.map((month) => MONTHS[month - 1]), to: (n) => choosePeriod(data.periods.indexOf(monthPeriods[n])) };
    const streams = existing(sums);
    const whose = all ? "ranked batteries" : `${shown.length} batteries`;
    const { label, digits } = UNITS[state.unit];
    if (state.unit === "total_usd") {
      at("months-title").textContent = `Revenue of ${whose} by month, ${data.year}`;
      at("stream-legend").replaceChildren(...legend(streams));
      const best = sums.reduce((found, row, n) => ((row.ranked_total_usd ?? -Infinity) > (sums[found].ranked_total_usd ?? -Infinity) ? n : found), 0);
      const said = sums.length ? `Stacked bars of monthly revenue by stream. The best month is ${MONTHS[numbers[best] - 1]} with ${dollars(sums[best].ranked_total_usd)}. The table below the charts holds the figures.` : "No month has data.";
      charts.draw(at("months-chart"), said, charts.stack({ ...named, rows: sums, streams }));
    } else {
      at("months-title").textContent = `Median ${label} of ${whose} by month, ${data.year}`;
      at("stream-legend").replaceChildren();
      const middles = ofMonth.map((rows) => median(ascending(rows.map((row) => row.get(state.unit)))));
      charts.draw(at("months-chart"), `Bars of the median ${label} by month. Each month's leaderboard holds the figures.`, charts.bars({ ...named, values: middles, digits, unit: label }));
    }
    const headings = [{ label: "Month", text: true }, { label: "Ranked" }, ...streams.map((s) => ({ label: `${s.short} $` })), { label: all ? "Ranked total $" : "Total $" }, ...(all ? [{ label: "$/kW-month" }] : [])];
    const rows = monthPeriods.map((p, n) => [
      MONTHS[p.month - 1], number(all ? p.fleet.ranked : ofMonth[n].length), ...streams.map((s) => number(sums[n][s.column])), number(sums[n].ranked_total_usd), ...(all ? [number(p.fleet.usd_per_kw_month, 2)] : []),
    ]);
    at("months-table").replaceChildren(table(headings, rows, `Revenue of ${whose} ranked in each month of ${data.year}`));
  }

  function drawSpread(rows) {
    const unit = state.unit;
    const { label, digits } = UNITS[unit];
    const known = rows.map((row) => ({ row, value: row.get(unit) })).filter((point) => point.value !== null);
    const placed = known.filter(({ row }) => fixed("duration_hours", row.battery) !== null && fixed("duration_source", row.battery) !== "assumed");
    at("duration-title").textContent = `${label} against duration, ${periodName(period())}`;
    at("duration-remark").textContent = placed.length < rows.length ? `${rows.length - placed.length} of ${rows.length} batteries not drawn: duration or ${label} unknown.` : "A dot is a battery; a larger dot, a larger battery. A click opens it.";
    const largest = Math.max(...placed.map(({ row }) => fixed("capacity_mw", row.battery) ?? 0));
    const points = placed.map(({ row, value }) => {
      const hours = fixed("duration_hours", row.battery);
      return {
        battery: row.battery, x: hours, y: value, size: (5 + 9 * Math.sqrt((fixed("capacity_mw", row.battery) ?? 0) / largest)) / 2,
        said: `${fixed("battery", row.battery)}: ${number(value, digits)} ${label}, ${number(hours, 2)} h`,
      };
    });
    charts.draw(at("duration-chart"), `Scatter of ${points.length} batteries, ${label} against hours of duration. The leaderboard holds the figures.`,
      charts.scatter({ points, xLabel: "hours", to: (point) => openBattery(point.battery) }));
    at("spread-title").textContent = `Distribution of ${label}, ${periodName(period())}`;
    const sorted = ascending(known.map((point) => point.value));
    at("spread-remark").textContent = sorted.length ? `Median ${number(median(sorted), digits)} ${label}, from ${number(sorted[0], digits)} to ${number(sorted.at(-1), digits)}.` : "No battery to show.";
    charts.draw(at("spread-chart"), `Histogram of ${sorted.length} batteries by ${label}. ${at("spread-remark").textContent}`, charts.histogram({ sorted, label, digits }));
  }

  // --- one battery ------------------------------------------------------------------------------------------------------------------------

  const dialog = at("battery");
  function openBattery(battery) {
    const name = fixed("battery", battery);
    const p = period();
    const row = rowsOf(p).find((r) => r.battery === battery);
    const months = monthPeriods.flatMap((q) => rowsOf(q).filter((r) => r.battery === battery));
    const close = node("button", { type: "button", class: "quiet" }, "Close");
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(
      node("div", { class: "dialog-head" }, node("h2", { id: "battery-name" }, name), close),
      identity(battery),
      ...(data.battery_page ? [node("p", { class: "remark" }, link("All its years, best and worst days", `${data.battery_page}#battery=${encodeURIComponent(name)}`))] : []),
      ...(row ? [figuresOf(row)] : [node("p", { class: "remark" }, `Not expected in ${periodName(p)}.`)]),
      ...notes(battery, row),
      ...monthsOf(battery, months),
      ...daysOf(battery),
    );
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    keepState();
  }
  dialog.addEventListener("close", () => keepState());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  function identity(battery) {
    const get = (column) => fixed(column, battery);
    const names = [["generation", get("gen_resource")], ["load", get("load_resource")], ["storage", get("esr_resource")]].filter(([, value]) => value).map(([kind, value]) => `${value} (${kind})`);
    const assumed = get("duration_source") === "assumed";
    const size = [
      get("capacity_mw") === null ? null : `${number(get("capacity_mw"), 1)} MW (${get("capacity_source")})`,
      get("energy_mwh") === null ? null : `${number(get("energy_mwh"), 1)} MWh`,
      get("duration_hours") === null ? null : `${durationText(battery)} h (${assumed ? "assumed" : get("duration_source")})`,
    ].filter(Boolean);
    const facts = [["Resources", names.join(", ")], ["Node", get("settlement_point")], ["QSE", get("qse")], ["Size", size.join(", ")], ["Active since", startText(battery)], [`First active in ${data.year}`, get("first_active_date")], ...bess.attributes(get("attributes"))];
    return node("dl", { class: "identity" }, ...facts.map(([term, value]) => node("div", {}, node("dt", {}, term), node("dd", {}, words(value)))));
  }
  function figuresOf(row) {
    const p = row.p;
    const shown = [
      tile(`Total ${periodName(p)}`, dollars(row.get("total_usd")), row.get("rank") === null ? "not ranked" : `rank ${row.get("rank")} of ${p.fleet.ranked}`),
      tile("Per kW-month", row.get("usd_per_kw_month") === null ? UNKNOWN : `$${number(row.get("usd_per_kw_month"), 2)}`, `${dollars(row.get("usd_per_kw_year"), 2)} per kW-year · median of its class ${dollars(row.get("class_median_usd_per_kw_month"), 2)}`),
      tile("Energy share", percent(row.get("energy_share")), words(STRATEGIES[text(p, "strategy", row.i)] ?? text(p, "strategy", row.i))),
      tile("Cycles per day", number(row.get("cycles_per_day"), 2), `efficiency ${percent(row.get("round_trip_efficiency"))}`),
      tile("TB2 capture", percent(row.get("tb2_capture")), `of ${dollars(row.get("tb2_usd"))}`),
      tile("Coverage", percent(row.get("energy_coverage")), `energy · ${percent(row.get("as_coverage"))} ancillary`),
    ];
    return node("section", { class: "tiles", "aria-label": `Figures of ${periodName(p)}` }, ...shown);
  }
  function notes(battery, row) {
    const said = [];
    const excluded = row ? text(row.p, "excluded_reason", row.i) : null;
    if (excluded) said.push(`Not ranked: ${excluded}.`);
    if (row) said.push(...(text(row.p, "notes", row.i) ?? "").split("; ").filter(Boolean).map((note) => `${note[0].toUpperCase()}${note.slice(1)}.`));
    if (fixed("duration_source", battery) === "assumed") said.push("Public data hold no MWh of this battery: its duration is assumed, and no figure uses it.");
    if (row && text(row.p, "quantity_source", row.i)) said.push(`Energy read from: ${text(row.p, "quantity_source", row.i)} (discharge/charge).`);
    if (row && row.get("da_unmatched_usd")) said.push(`${dollars(row.get("da_unmatched_usd"))} of day-ahead energy is in no total: the energy that flowed then is unknown.`);
    if (row && row.get("best_day_share") !== null) said.push(`Its best day is ${percent(row.get("best_day_share"))} of the total.`);
    if (data.year < 2026) said.push("Before 5 December 2025 charging is known from about one reading a quarter-hour: months are meaningful, single days indicative.");
    return [node("h3", {}, "To know"), node("ul", { class: "notes" }, ...said.map((note) => node("li", {}, note)))];
  }
  function monthsOf(battery, months) {
    const name = fixed("battery", battery);
    const values = months.map((row) => Object.fromEntries(STREAMS.map((s) => [s.column, row.get(s.column)])));
    const streams = existing(values);
    const numbers = months.map((row) => row.p.month);
    const times = numbers.map((month) => Date.UTC(data.year, month - 1, 1));
    const named = { labels: charts.monthLabels(numbers), full: numbers.map((month) => MONTHS[month - 1]) };
    const line = (column, label, colour, show) => ({ values: months.map((row) => row.get(column)), colour, said: (value, n) => `${label} ${show(value)}, ${named.full[n]}` });
    const byMonth = { times, points: true, tickFormat: "%b" };
    const headings = [{ label: "Month", text: true }, { label: "Rank" }, ...streams.map((s) => ({ label: `${s.short} $` })), { label: "Total $" }, { label: "$/kW-month" }, { label: "Cycles/day" }, { label: "Efficiency" }, { label: "TB2 capture" }, { label: "Energy cov." }, { label: "AS cov." }];
    const rows = months.map((row) => [
      MONTHS[row.p.month - 1], rankWithChange(row, row.get("rank")), ...streams.map((s) => number(row.get(s.column))), number(row.get("total_usd")), number(row.get("usd_per_kw_month"), 2), number(row.get("cycles_per_day"), 2),
      percent(row.get("round_trip_efficiency")), percent(row.get("tb2_capture")), percent(row.get("energy_coverage")), percent(row.get("as_coverage")),
    ]);
    return [
      node("h3", {}, `Months of ${data.year}`),
      charts.chart("Revenue by stream, $", `Stacked bars of ${name}'s monthly revenue by stream. The table of months holds the figures.`, charts.stack({ ...named, rows: values, streams, height: 230 }), streams),
      node("details", { class: "figures", open: true }, node("summary", {}, "The months as a table"), boxed(headings, rows, `Months of ${name}, ${data.year}`)),
      node("div", { class: "pair" },
        charts.chart("Cycles a day", "Cycles a day by month. The table of months holds the figures.",
          charts.lines({ ...byMonth, series: [line("cycles_per_day", "Cycles a day", "--s0", (value) => number(value, 2))], format: (value) => number(value, 2) })),
        charts.chart("Efficiency and TB2 capture", "Round-trip efficiency and TB2 capture by month. The table of months holds the figures.",
          charts.lines({ ...byMonth, series: [line("round_trip_efficiency", "Efficiency", "--s4", percent), line("tb2_capture", "TB2 capture", "--s3", percent)], format: "%" }),
          [{ name: "Efficiency", colour: "--s4" }, { name: "TB2 capture", colour: "--s3" }]),
        charts.chart("Coverage", "Energy and ancillary coverage by month. The table of months holds the figures.",
          charts.lines({ ...byMonth, series: [line("energy_coverage", "Energy", "--s0", percent), line("as_coverage", "Ancillary", "--s2", percent)], format: "%", top: 1 }),
          [{ name: "Energy", colour: "--s0" }, { name: "Ancillary services", colour: "--s2" }]),
        cumulative(battery)),
    ];
  }
  function cumulative(battery) {
    const days = data.days[battery];
    const legendOf = [{ name: "Energy", colour: "--s0" }, { name: "Ancillary services", colour: "--s2" }];
    if (!days) return node("figure", { class: "chart" }, node("figcaption", {}, "Day by day, cumulative $"), node("p", { class: "remark" }, "No day is known."));
    const first = Date.parse(`${days.first}T00:00:00Z`);
    const times = days.energy.map((_, n) => first + n * 86400000);
    const when = (n) => new Date(times[n]).toISOString().slice(0, 10);
    const line = (values, label, colour) => ({ values: charts.sums(values), colour, said: (value, n) => `${label} ${dollars(value)}, ${when(n)}` });
    return charts.chart("Day by day, cumulative $", `Cumulative dollars of energy and ancillary services from ${days.first} on. A day that is unknown leaves a gap and adds nothing.`,
      charts.lines({ times, series: [line(days.energy, "Energy", "--s0"), line(days.as, "Ancillary", "--s2")], format: charts.short }), legendOf);
  }
  function daysOf(battery) {
    const days = data.days[battery];
    if (!days) return [];
    const unknown = days.energy.filter((value, n) => value === null || days.as[n] === null).length;
    return [node("p", { class: "remark" }, unknown ? `${number(unknown)} of ${number(days.energy.length)} days are unknown in part: they leave a gap in the cumulative lines and add nothing.` : "Every day is known at least in part.")];
  }

  // --- controls ---------------------------------------------------------------------------------------------------------------------------

  const CHOICES = { q: "search", duration: "duration", size: "size", strategy: "strategy", start: "start", ...Object.fromEntries(further.map(({ name, id }) => [`its.${name}`, id])) }; // name in the address, and its control
  let reading = true; // the address is read before it is written
  function currentState() {
    const [[column, direction] = []] = board?.order() ?? [];
    const usual = state.unit === "total_usd" ? column === 0 && direction === "asc" : column === TOTAL && direction === "desc";
    const open = dialog.open ? at("battery-name").textContent : null;
    return {
      month: period().month, unit: state.unit === "total_usd" ? null : state.unit, ...Object.fromEntries(Object.entries(CHOICES).map(([name, id]) => [name, at(id).value.trim()])),
      order: usual || column === undefined ? null : `${column}.${direction}`, battery: open,
    };
  }
  function keepState() {
    if (reading) return;
    bess.keepInAddress(currentState());
    showLinks();
  }
  function fillControls() {
    at("period").replaceChildren(...data.periods.map((p, n) => node("option", { value: String(n) }, p.month ? MONTHS[p.month - 1] : "Whole year")));
    at("unit").replaceChildren(...Object.entries(UNITS).map(([value, unit]) => node("option", { value }, unit.label)));
    fillFilters();
  }
  function readAddress() {
    const asked = bess.stateOfAddress();
    reading = true;
    const month = data.periods.findIndex((p) => String(p.month) === asked.month);
    state.period = Math.max(0, month);
    state.unit = asked.unit in UNITS ? asked.unit : "total_usd";
    at("period").value = String(state.period);
    at("unit").value = state.unit;
    for (const [name, id] of Object.entries(CHOICES)) {
      at(id).value = asked[name] ?? "";
      if (at(id).selectedIndex === -1) at(id).value = "";
    }
    const [, column, direction] = /^(\d+)\.(asc|desc)$/.exec(asked.order ?? "") ?? [];
    if (COLUMNS[column] && !COLUMNS[column].fixedOrder) board.order([[Number(column), direction]]);
    else orderByUnit();
    showBoard();
    const battery = data.batteries.battery.indexOf(asked.battery);
    if (battery >= 0) openBattery(battery);
    else if (dialog.open) dialog.close();
    reading = false;
    showLinks();
  }
  const orderByUnit = () => board.order(state.unit === "total_usd" ? [[0, "asc"]] : [[TOTAL, "desc"]]);
  function choosePeriod(n) {
    state.period = n;
    at("period").value = String(n);
    showBoard();
  }
  function refilter() { board.draw(); afterFilter(); }
  at("period").addEventListener("change", () => choosePeriod(Number(at("period").value)));
  at("unit").addEventListener("change", () => { state.unit = at("unit").value; orderByUnit(); showBoard(); });
  at("search").addEventListener("input", refilter);
  for (const name of Object.keys(filters)) at(name).addEventListener("change", refilter);
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  at("controls").addEventListener("reset", () => setTimeout(() => { state.period = 0; state.unit = "total_usd"; orderByUnit(); showBoard(); }));
  addEventListener("hashchange", () => { if (!at(location.hash.slice(1))) readAddress(); });

  fillControls();
  showEdition();
  makeBoard();
  readAddress();
  document.documentElement.dataset.ready = "true";
})();
