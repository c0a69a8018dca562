// The board with its filters and units, the charts, and one battery, from the embedded data.
//
// No figure is computed here: in every unit the totals are those of the result tables, and a stream is its share of the total.
// Text from the data becomes text nodes, never markup.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const UNKNOWN = "–";
  const STREAMS = data.streams.map(([column, name, short], n) => ({ column, name, short, colour: `--s${n}` }));
  const UNITS = {
    total_usd: { label: "$", digits: 0 },
    usd_per_mw: { label: "$/MW", digits: 0 },
    usd_per_kw_month: { label: "$/kW-month", short: "$/kW\u2011mo", digits: 2 },
    usd_per_kw_year: { label: "$/kW-year", short: "$/kW\u2011yr", digits: 2 },
    usd_per_mwh_discharged: { label: "$/MWh discharged", short: "$/MWh", digits: 2 },
  };
  const STRATEGIES = { energy_arbitrage: "energy", ancillary_services: "ancillary", hybrid: "hybrid", inactive: "inactive" };
  const BANDS = {
    duration: { column: "duration_hours", unit: "h", limits: data.duration_limits_hours },
    size: { column: "capacity_mw", unit: "MW", limits: [10, 50, 100, 200] },
  };
  const at = (id) => document.getElementById(id);

  // --- numbers ---------------------------------------------------------------------------------------------------------------------------

  const formats = new Map();
  function number(value, digits = 0) {
    if (value === null || value === undefined) return UNKNOWN;
    if (!formats.has(digits)) {
      formats.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" }));
    }
    return formats.get(digits).format(value).replace("-", "−");
  }
  const dollars = (value) => (value === null || value === undefined ? UNKNOWN : (value < 0 && Math.round(value) !== 0 ? "−$" : "$") + number(Math.abs(value)));
  function largeDollars(value) {
    if (value === null || value === undefined) return UNKNOWN;
    const size = Math.abs(value);
    const [by, word] = size >= 1e9 ? [1e9, "b"] : size >= 1e6 ? [1e6, "m"] : size >= 1e3 ? [1e3, "k"] : [1, ""];
    return `${value < 0 ? "−" : ""}$${number(size / by, by === 1 ? 0 : 2)}${word}`;
  }
  // Cut and not rounded, so that 100 % means all and 94.99 % never reads 95 %.
  const percent = (value) => (value === null || value === undefined ? UNKNOWN : `${number(Math.floor(value * 1000 + 1e-9) / 10, 1)}%`);
  const words = (value) => (value === null || value === undefined || value === "" ? UNKNOWN : String(value));

  // --- nodes ------------------------------------------------------------------------------------------------------------------------------

  function node(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "class") made.className = value;
      else if (name in made && typeof value !== "string") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }
  const cell = (text, properties = {}) => node("td", { ...properties, class: `${properties.class ?? ""} ${text === UNKNOWN ? "unknown" : ""}`.trim() }, text);
  function table(headings, rows, caption) {
    const kind = (heading) => (heading.text ? "text" : "") + (heading.wrap ? " wrap" : "");
    return node("table", {},
      node("caption", { class: "unseen" }, caption),
      node("thead", {}, node("tr", {}, ...headings.map((h) => node("th", { scope: "col", class: kind(h) }, h.label)))),
      node("tbody", {}, ...rows.map((row) => node("tr", {}, ...row.map((value, n) => {
        if (n === 0) return node("th", { scope: "row", class: kind(headings[0]) }, value);
        return value instanceof Node ? node("td", { class: kind(headings[n]) }, value) : cell(value, { class: kind(headings[n]) });
      })))));
  }
  const tile = (label, value, more) => node("div", { class: "tile" }, node("div", { class: "label" }, label), node("div", { class: "value" }, value), more ? node("div", { class: "more" }, more) : null);

  // --- rows -------------------------------------------------------------------------------------------------------------------------------

  const state = { period: 0, unit: "total_usd" };
  const period = () => data.periods[state.period];
  const periodName = (p) => (p.month ? `${MONTHS[p.month - 1]} ${data.year}` : String(data.year));
  const text = (p, column, i) => data.texts[p[column][i]];
  const fixed = (column, battery) => data.batteries[column][battery];

  function rowsOf(p) {
    return p.battery.map((battery, i) => ({ p, i, battery, get: (column) => p[column][i] }));
  }
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
  function spell(value, unit) {
    return number(value, UNITS[unit].digits);
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
  function fillFilters() {
    const whole = rowsOf(data.periods[0]);
    for (const name of Object.keys(filters)) {
      // A strategy is of a period; all else is of the battery.
      const rows = name === "strategy" ? data.periods.flatMap(rowsOf) : whole;
      const values = [...new Set(rows.map(filters[name]))].sort((a, b) => (a === "unknown") - (b === "unknown") || a.localeCompare(b, "en", { numeric: true }));
      at(name).replaceChildren(node("option", { value: "" }, "any"), ...values.map((value) => node("option", { value }, filterNames[name](value))));
    }
  }
  const SEARCHED = ["battery", "gen_resource", "load_resource", "esr_resource", "settlement_point", "qse"];
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
  function rankCell(row) {
    const change = state.period === 0 ? fixed("rank_change", row.battery) : null;
    const shown = node("span", {}, words(row.get("rank")));
    if (change) {
      const direction = change > 0 ? "up" : "down";
      shown.append(node("span", { class: direction, title: `${Math.abs(change)} ${direction} since ${data.year - 1}` },
        node("span", { "aria-hidden": "true" }, (change > 0 ? "▴" : "▾") + Math.abs(change)), node("span", { class: "unseen" }, `${Math.abs(change)} ${direction}`)));
    }
    return shown;
  }
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
    bar.style.width = `${80 * width}px`;
    if (stops.length) bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
    return bar;
  }
  const money = (column, label, title) => ({ label, title, unit: true, value: (row) => inUnit(row, column, state.unit), show: (value) => spell(value, state.unit), column });
  const COLUMNS = [
    { label: "Rank", first: "asc", value: (row) => row.get("rank"), show: (_, row) => rankCell(row) },
    { label: "Battery", kind: "text", name: true, value: (row) => fixed("battery", row.battery), show: (_, row) => batteryButton(row.battery) },
    { label: "MW", value: (row) => fixed("capacity_mw", row.battery), show: (value) => number(value, 1), column: "capacity_mw" },
    { label: "Hours", title: "MWh / MW; ~ marks an assumption that no figure uses", value: (row) => fixed("duration_hours", row.battery), show: (_, row) => durationText(row.battery), column: "duration_hours" },
    money("total_usd", "Total"),
    { label: "Streams", fixedOrder: true, title: "Width: the total against the largest. Colours: as in the chart of months", value: () => null, show: (_, row) => mixCell(row) },
    money("da_energy_usd", "DA energy", "Day-ahead energy"),
    money("rt_energy_usd", "RT energy", "Real-time energy, charging included"),
    money("as_usd", "Ancillary", "Ancillary services, all products"),
    { label: "Strategy", kind: "text", value: (row) => STRATEGIES[text(row.p, "strategy", row.i)] ?? text(row.p, "strategy", row.i), show: words, column: "strategy" },
    { label: "Start", kind: "text", title: "First year in which it was active; ≤ if it may have begun before", value: (row) => (fixed("start_year", row.battery) === null ? null : startText(row.battery)), show: words },
    { label: "Cycles/d", title: "Full discharges per observed day", value: (row) => row.get("cycles_per_day"), show: (value) => number(value, 2), column: "cycles_per_day" },
    { label: "Eff.", title: "Discharge / charge", value: (row) => row.get("round_trip_efficiency"), show: percent, column: "round_trip_efficiency" },
    { label: "TB2 capt.", title: "Energy revenue against a perfect two-hour day-ahead trade", value: (row) => row.get("tb2_capture"), show: percent, column: "tb2_capture" },
    { label: "Energy cov.", title: "Share of expected quarter-hours whose energy revenue is known", value: (row) => row.get("energy_coverage"), show: percent, column: "energy_coverage" },
    { label: "AS cov.", title: "Share of expected hours whose ancillary revenue is known", value: (row) => row.get("as_coverage"), show: percent, column: "as_coverage" },
  ];
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
      if (COLUMNS[n].title) header.title = COLUMNS[n].title;
    });
  }

  function showBoard() {
    const unit = UNITS[state.unit].label;
    board.columns().every(function (n) {
      if (COLUMNS[n].unit) this.header().querySelector(".dt-column-title").textContent = `${COLUMNS[n].label} ${UNITS[state.unit].short ?? unit}`;
    });
    const ranked = rowsOf(period()).filter((row) => row.get("rank") !== null);
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
    at("count").textContent = shown.length === every ? `All ${every} ranked batteries` : `${shown.length} of ${every} ranked batteries`;
    const assumed = shown.some((row) => fixed("duration_source", row.battery) === "assumed");
    at("board-remark").textContent = `${UNKNOWN} is unknown, never zero.` + (assumed ? " ~ marks an assumed duration, used in no figure." : "") + " Coverage and shares are cut, not rounded.";
    drawSpread(shown);
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
    const label = data.edition[0].toUpperCase() + data.edition.slice(1);
    const said = [];
    if (data.made) said.push(`made ${data.made.slice(0, 16).replace("T", " ")} UTC`);
    said.push(`data through ${words(data.data_through)}`);
    if (data.version) said.push(`version ${data.version}`);
    const edition = data.edition_number === null ? label : `${label} edition ${data.edition_number}`;
    at("edition").replaceChildren(node("span", { class: "badge" }, edition), ` ${said.join(" · ")}`);
    at("inputs-title").textContent = `From ${data.inputs.length} inputs`;
    at("inputs").replaceChildren(table([{ label: "Input", text: true }, { label: "SHA-256", text: true }], data.inputs, "Inputs and their digests"));
  }
  function showTiles() {
    const fleet = period().fleet;
    at("tiles").replaceChildren(
      tile("Fleet average", `${fleet.usd_per_kw_year === null ? UNKNOWN : "$" + number(fleet.usd_per_kw_year, 2)}`, `per kW-year · ${fleet.usd_per_kw_month === null ? UNKNOWN : "$" + number(fleet.usd_per_kw_month, 2)} per kW-month`),
      tile("Ranked total", largeDollars(fleet.ranked_total_usd), `${dollars(fleet.ranked_total_usd)} in ${periodName(period())} · known total ${largeDollars(fleet.known_total_usd)} · stream total ${largeDollars(fleet.stream_total_usd)}`),
      tile("Ranked", `${number(fleet.ranked)} of ${number(fleet.batteries)}`, `${number(fleet.capacity_mw, 1)} MW ranked`),
      tile("Energy share", percent(fleet.energy_share), `energy ${largeDollars(fleet.energy_usd)} · ancillary ${largeDollars(fleet.as_usd)}`),
      tile("Mean coverage", percent(fleet.energy_coverage), `of energy · ${percent(fleet.as_coverage)} of ancillary services`),
    );
  }
  const existing = (rows) => STREAMS.filter((s) => rows.some((row) => row[s.column] !== null && row[s.column] !== undefined && row[s.column] !== 0));

  function showMonths() {
    const months = data.periods.filter((p) => p.month);
    const streams = existing(months.map((p) => p.fleet));
    at("months-title").textContent = `Revenue of ranked batteries by month, ${data.year}`;
    at("stream-legend").replaceChildren(...legend(streams));
    const headings = [{ label: "Month", text: true }, { label: "Ranked" }, ...streams.map((s) => ({ label: `${s.short} $` })), { label: "Ranked total $" }, { label: "$/kW-month" }];
    const rows = months.map((p) => [MONTHS[p.month - 1], number(p.fleet.ranked), ...streams.map((s) => number(p.fleet[s.column])), number(p.fleet.ranked_total_usd), number(p.fleet.usd_per_kw_month, 2)]);
    at("months-table").replaceChildren(table(headings, rows, `Revenue of the batteries ranked in each month of ${data.year}`));
    const most = months.reduce((best, p) => ((p.fleet.ranked_total_usd ?? -Infinity) > (best.fleet.ranked_total_usd ?? -Infinity) ? p : best), months[0]);
    const said = most ? `Stacked bars of monthly revenue by stream. The best month is ${MONTHS[most.month - 1]} with ${dollars(most.fleet.ranked_total_usd)}. The table below the charts holds the figures.` : "No month has data.";
    draw(at("months-chart"), said, () => stack(months.map((p) => p.month), months.map((p) => p.fleet), streams, 214));
  }
  function legend(streams) {
    return streams.map((s) => {
      const mark = node("i");
      mark.style.background = `var(${s.colour})`;
      return node("li", {}, mark, s.name);
    });
  }

  function drawSpread(rows) {
    const unit = state.unit;
    const { label, digits } = UNITS[unit];
    const known = rows.map((row) => ({ row, value: row.get(unit) })).filter((point) => point.value !== null);
    const placed = known.filter(({ row }) => fixed("duration_hours", row.battery) !== null && fixed("duration_source", row.battery) !== "assumed");
    at("duration-title").textContent = `${label} against duration, ${periodName(period())}`;
    at("duration-remark").textContent = placed.length < rows.length ? `${rows.length - placed.length} of ${rows.length} batteries not drawn: duration or ${label} unknown.` : "A dot is a battery; larger dots are larger batteries.";
    draw(at("duration-chart"), `Scatter of ${placed.length} batteries, ${label} against hours of duration. The leaderboard holds the figures.`, () => scatter(placed, label, digits));
    at("spread-title").textContent = `Distribution of ${label}, ${periodName(period())}`;
    const sorted = known.map((point) => point.value).sort((a, b) => a - b);
    const middle = sorted.length ? (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2 : null;
    at("spread-remark").textContent = sorted.length ? `Median ${number(middle, digits)} ${label}, from ${number(sorted[0], digits)} to ${number(sorted.at(-1), digits)}.` : "No battery to show.";
    draw(at("spread-chart"), `Histogram of ${sorted.length} batteries by ${label}. ${at("spread-remark").textContent}`, () => histogram(sorted, label, digits));
  }

  // --- charts -----------------------------------------------------------------------------------------------------------------------------

  const views = new Map();
  const redraws = new Map();
  // The board comes first: no chart is drawn before the page has loaded.
  let drawing = new Promise((resolve) => (document.readyState === "complete" ? resolve() : addEventListener("load", () => resolve())));
  /** Draw a chart into its host, one after the other; only the latest of several asked for is drawn. */
  function draw(host, said, make) {
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", said);
    const asked = { make };
    redraws.set(host, asked);
    drawing = drawing.then(async () => {
      if (redraws.get(host) !== asked || !host.isConnected) return;
      // Between two charts the page may answer its reader.
      await new Promise((resolve) => setTimeout(resolve));
      giveUp(host);
      host.replaceChildren();
      const figure = make();
      if (figure) views.set(host, await Bokeh.Plotting.show(figure, host));
      else host.append(node("p", { class: "remark" }, "Nothing known to draw."));
      host.dataset.drawn = "true";
    });
  }
  function redrawAll() {
    giveUpAbandoned();
    for (const [host, { make }] of [...redraws]) draw(host, host.getAttribute("aria-label"), make);
  }
  /** Let go of a chart: the library keeps every document that it was ever given. */
  function giveUp(host) {
    const view = views.get(host);
    if (!view) return;
    const place = Bokeh.documents.indexOf(view.model.document);
    view.remove();
    if (place >= 0) Bokeh.documents.splice(place, 1);
    views.delete(host);
  }
  function giveUpAbandoned() {
    for (const host of [...redraws.keys()]) if (!host.isConnected) { giveUp(host); redraws.delete(host); }
  }
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  function axes(height, more = {}) {
    const figure = Bokeh.Plotting.figure({
      height, sizing_mode: "stretch_width", toolbar_location: null, tools: "", min_border_left: 44, min_border_right: 12,
      background_fill_color: null, border_fill_color: null, outline_line_color: null, ...more,
    });
    for (const axis of [...figure.xaxes, ...figure.yaxes]) {
      axis.setv({
        axis_line_color: css("--line"), major_tick_line_color: null, minor_tick_line_color: null, major_label_text_color: css("--soft"), axis_label_text_color: css("--soft"),
        major_label_text_font: FONT, axis_label_text_font: FONT, major_label_text_font_size: "11px", axis_label_text_font_size: "11px", axis_label_text_font_style: "normal", axis_label_standoff: 4,
      });
    }
    figure.xgrid.grid_line_color = null;
    figure.ygrid.grid_line_color = css("--line");
    figure.toolbar.active_drag = null;
    return figure;
  }
  const ticks = (axis, format) => { axis.formatter = new Bokeh.NumeralTickFormatter({ format }); };
  function hover(figure, renderers, more = {}) {
    figure.add_tools(new Bokeh.HoverTool({ renderers, tooltips: "@said", point_policy: "follow_mouse", ...more, ...(more.tooltips ? {} : { tooltips: [["", "@said"]] }) }));
  }
  /** Stacked bars of months: what was earned upwards, what was lost downwards. */
  function stack(months, rows, streams, height) {
    if (!streams.length) return null;
    const names = months.map((month) => MONTHS[month - 1].slice(0, 3));
    const figure = axes(height, { x_range: names });
    const up = rows.map(() => 0);
    const down = rows.map(() => 0);
    const drawn = [];
    for (const s of streams) {
      const source = { x: [], bottom: [], top: [], said: [] };
      rows.forEach((row, n) => {
        const value = row[s.column];
        if (value === null || value === undefined || value === 0) return;
        const base = value > 0 ? up : down;
        source.x.push(names[n]);
        source.bottom.push(base[n]);
        base[n] += value;
        source.top.push(base[n]);
        source.said.push(`${MONTHS[months[n] - 1]}: ${s.name} ${dollars(value)}`);
      });
      drawn.push(figure.vbar({ x: { field: "x" }, bottom: { field: "bottom" }, top: { field: "top" }, width: 0.72, fill_color: css(s.colour), line_color: null, source: new Bokeh.ColumnDataSource({ data: source }) }));
    }
    ticks(figure.yaxes[0], "$0.[0]a");
    if (innerWidth < 640) figure.xaxes[0].major_label_orientation = "vertical";
    hover(figure, drawn);
    return figure;
  }
  function scatter(points, label, digits) {
    if (!points.length) return null;
    const largest = Math.max(...points.map(({ row }) => fixed("capacity_mw", row.battery) ?? 0));
    const source = new Bokeh.ColumnDataSource({ data: {
      x: points.map(({ row }) => fixed("duration_hours", row.battery)),
      y: points.map(({ value }) => value),
      size: points.map(({ row }) => 5 + 9 * Math.sqrt((fixed("capacity_mw", row.battery) ?? 0) / largest)),
      said: points.map(({ row, value }) => `${fixed("battery", row.battery)}: ${number(value, digits)} ${label}, ${number(fixed("duration_hours", row.battery), 2)} h`),
    } });
    const figure = axes(220);
    const dots = figure.scatter({ x: { field: "x" }, y: { field: "y" }, size: { field: "size" }, source, fill_color: css("--s0"), fill_alpha: 0.55, line_color: css("--card"), line_width: 0.8 });
    figure.xaxes[0].axis_label = "hours";
    ticks(figure.xaxes[0], "0.[0]");
    ticks(figure.yaxes[0], digits ? "0,0.[00]" : "0.[0]a");
    hover(figure, [dots]);
    return figure;
  }
  function histogram(sorted, label, digits) {
    if (!sorted.length) return null;
    const low = sorted[0];
    const high = sorted.at(-1);
    const width = niceWidth((high - low) / Math.max(4, Math.min(24, Math.ceil(Math.sqrt(sorted.length) * 1.6)))) || Math.max(1, Math.abs(high) / 10);
    const first = Math.floor(low / width);
    const counts = Array.from({ length: Math.floor(high / width) - first + 1 }, () => 0);
    for (const value of sorted) counts[Math.floor(value / width) - first] += 1;
    const edge = (n) => (first + n) * width;
    const source = new Bokeh.ColumnDataSource({ data: {
      left: counts.map((_, n) => edge(n)), right: counts.map((_, n) => edge(n + 1)), top: counts, bottom: counts.map(() => 0),
      said: counts.map((count, n) => `${count} ${count === 1 ? "battery" : "batteries"} from ${number(edge(n), digits)} to ${number(edge(n + 1), digits)} ${label}`),
    } });
    const figure = axes(220, { y_range: [0, Math.max(...counts) * 1.08] });
    const bars = figure.quad({ left: { field: "left" }, right: { field: "right" }, top: { field: "top" }, bottom: { field: "bottom" }, source, fill_color: css("--s0"), fill_alpha: 0.8, line_color: css("--card") });
    figure.xaxes[0].axis_label = label;
    ticks(figure.xaxes[0], digits ? "0,0.[00]" : "0.[0]a");
    figure.yaxes[0].ticker = new Bokeh.BasicTicker({ min_interval: 1, desired_num_ticks: 4 });
    ticks(figure.yaxes[0], "0");
    figure.yaxes[0].axis_label = "batteries";
    hover(figure, [bars]);
    return figure;
  }
  function niceWidth(raw) {
    if (!(raw > 0)) return 0;
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= raw);
  }
  /** Lines over time; a null breaks the line. */
  function lines(times, series, { format, height = 200, points = false, top = null }) {
    const shown = series.filter((s) => s.values.some((value) => value !== null));
    if (!shown.length) return null;
    const most = Math.max(...shown.flatMap((s) => s.values.filter((value) => value !== null)));
    const least = Math.min(0, ...shown.flatMap((s) => s.values.filter((value) => value !== null)));
    const figure = axes(height, { x_axis_type: "datetime", ...(points && most > 0 ? { y_range: [least * 1.08, top ?? most * 1.08] } : {}) });
    figure.xaxes[0].formatter = new Bokeh.DatetimeTickFormatter({ days: "%e %b", months: "%b", years: "%Y" });
    const drawn = [];
    for (const s of shown) {
      const source = new Bokeh.ColumnDataSource({ data: { x: times, y: s.values.map((value) => value ?? NaN), said: s.values.map((value, n) => `${s.said(value)}, ${s.when(n)}`) } });
      const line = figure.line({ x: { field: "x" }, y: { field: "y" }, source, line_color: css(s.colour), line_width: 1.8 });
      if (points) drawn.push(figure.scatter({ x: { field: "x" }, y: { field: "y" }, source, size: 6, fill_color: css(s.colour), line_color: null }));
      else drawn.push(line);
    }
    ticks(figure.yaxes[0], format);
    hover(figure, drawn, points ? {} : { mode: "vline", line_policy: "nearest" });
    return figure;
  }

  // --- one battery ------------------------------------------------------------------------------------------------------------------------

  const dialog = at("battery");
  const waitingCharts = [];
  function openBattery(battery) {
    const name = fixed("battery", battery);
    const p = period();
    const row = rowsOf(p).find((r) => r.battery === battery);
    const months = data.periods.filter((q) => q.month).flatMap((q) => rowsOf(q).filter((r) => r.battery === battery));
    const close = node("button", { type: "button", class: "quiet" }, "Close");
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(
      node("div", { class: "dialog-head" }, node("h2", { id: "battery-name" }, name), close),
      identity(battery),
      ...(row ? [figuresOf(row)] : [node("p", { class: "remark" }, `Not expected in ${periodName(p)}.`)]),
      ...notes(battery, row),
      ...monthsOf(battery, months),
      ...daysOf(battery, months),
    );
    giveUpAbandoned();
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    setAddress(`#battery=${encodeURIComponent(name)}`);
    for (const job of waitingCharts.splice(0)) job();
  }
  dialog.addEventListener("close", () => setAddress(location.pathname + location.search));
  /** The address names the battery that is open, where the browser lets a file do that. */
  function setAddress(address) {
    try { history.replaceState(null, "", address); } catch { /* it shows the same all the same */ }
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  function chart(title, said, make, streams = null) {
    const host = node("div", { class: "plot" });
    waitingCharts.push(() => draw(host, said, make));
    return node("figure", { class: "chart" }, node("figcaption", {}, title), streams ? node("ul", { class: "legend" }, ...legend(streams)) : null, host);
  }
  function identity(battery) {
    const get = (column) => fixed(column, battery);
    const names = [["generation", get("gen_resource")], ["load", get("load_resource")], ["storage", get("esr_resource")]].filter(([, value]) => value).map(([kind, value]) => `${value} (${kind})`);
    const assumed = get("duration_source") === "assumed";
    const size = [
      get("capacity_mw") === null ? null : `${number(get("capacity_mw"), 1)} MW (${get("capacity_source")})`,
      get("energy_mwh") === null ? null : `${number(get("energy_mwh"), 1)} MWh`,
      get("duration_hours") === null ? null : `${durationText(battery)} h (${assumed ? "assumed" : get("duration_source")})`,
    ].filter(Boolean);
    const facts = [["Resources", names.join(", ")], ["Node", get("settlement_point")], ["QSE", get("qse")], ["Size", size.join(", ")], ["Active since", startText(battery)], [`First active in ${data.year}`, get("first_active_date")]];
    return node("dl", { class: "identity" }, ...facts.map(([term, value]) => node("div", {}, node("dt", {}, term), node("dd", {}, words(value)))));
  }
  function figuresOf(row) {
    const p = row.p;
    const shown = [
      tile(`Total ${periodName(p)}`, dollars(row.get("total_usd")), row.get("rank") === null ? "not ranked" : `rank ${row.get("rank")} of ${p.fleet.ranked}`),
      tile("Per kW-month", row.get("usd_per_kw_month") === null ? UNKNOWN : `$${number(row.get("usd_per_kw_month"), 2)}`, `$${number(row.get("usd_per_kw_year"), 2)} per kW-year`.replace(`$${UNKNOWN}`, UNKNOWN)),
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
    const times = numbers.map((month) => Date.UTC(data.year, month - 1, 15));
    const line = (column, label, colour, show) => ({ values: months.map((row) => row.get(column)), colour, said: (value) => `${label} ${show(value)}`, when: (n) => MONTHS[numbers[n] - 1] });
    const headings = [{ label: "Month", text: true }, { label: "Rank" }, ...streams.map((s) => ({ label: `${s.short} $` })), { label: "Total $" }, { label: "$/kW-month" }, { label: "Cycles/day" }, { label: "Efficiency" }, { label: "TB2 capture" }, { label: "Energy cov." }, { label: "AS cov." }];
    const rows = months.map((row) => [
      MONTHS[row.p.month - 1], words(row.get("rank")), ...streams.map((s) => number(row.get(s.column))), number(row.get("total_usd")), number(row.get("usd_per_kw_month"), 2), number(row.get("cycles_per_day"), 2),
      percent(row.get("round_trip_efficiency")), percent(row.get("tb2_capture")), percent(row.get("energy_coverage")), percent(row.get("as_coverage")),
    ]);
    return [
      node("h3", {}, `Months of ${data.year}`),
      chart("Revenue by stream, $", `Stacked bars of ${name}'s monthly revenue by stream. The table of months holds the figures.`, () => stack(numbers, values, streams, 230), streams),
      node("details", { class: "figures", open: true }, node("summary", {}, "The months as a table"), node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Months of ${name}` }, table(headings, rows, `Months of ${name}, ${data.year}`))),
      node("div", { class: "pair" },
        chart("Cycles a day", "Cycles a day by month. The table of months holds the figures.", () => lines(times, [line("cycles_per_day", "Cycles a day", "--s0", (value) => number(value, 2))], { format: "0.[00]", points: true })),
        chart("Efficiency and TB2 capture", "Round-trip efficiency and TB2 capture by month. The table of months holds the figures.",
          () => lines(times, [line("round_trip_efficiency", "Efficiency", "--s4", percent), line("tb2_capture", "TB2 capture", "--s3", percent)], { format: "0%", points: true }),
          [{ name: "Efficiency", colour: "--s4" }, { name: "TB2 capture", colour: "--s3" }]),
        chart("Coverage", "Energy and ancillary coverage by month. The table of months holds the figures.",
          () => lines(times, [line("energy_coverage", "Energy", "--s0", percent), line("as_coverage", "Ancillary", "--s2", percent)], { format: "0%", points: true, top: 1.05 }),
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
    const sums = (values) => { let sum = 0; return values.map((value) => (value === null ? null : (sum += value))); };
    const line = (values, label, colour) => ({ values: sums(values), colour, said: (value) => `${label} ${dollars(value)}`, when });
    return chart("Day by day, cumulative $", `Cumulative dollars of energy and ancillary services from ${days.first} on. A day that is unknown leaves a gap and adds nothing.`,
      () => lines(times, [line(days.energy, "Energy", "--s0"), line(days.as, "Ancillary", "--s2")], { format: "$0.[0]a" }), legendOf);
  }
  function daysOf(battery) {
    const days = data.days[battery];
    if (!days) return [];
    const unknown = days.energy.filter((value, n) => value === null || days.as[n] === null).length;
    return [node("p", { class: "remark" }, unknown ? `${number(unknown)} of ${number(days.energy.length)} days are unknown in part: they leave a gap in the cumulative lines and add nothing.` : "Every day is known at least in part.")];
  }

  // --- controls ---------------------------------------------------------------------------------------------------------------------------

  function fillControls() {
    at("period").replaceChildren(...data.periods.map((p, n) => node("option", { value: String(n) }, p.month ? MONTHS[p.month - 1] : "Whole year")));
    at("unit").replaceChildren(...Object.entries(UNITS).map(([value, unit]) => node("option", { value }, unit.label)));
    fillFilters();
  }
  function refilter() { board.draw(); afterFilter(); }
  at("period").addEventListener("change", () => { state.period = Number(at("period").value); showTiles(); showBoard(); });
  at("unit").addEventListener("change", () => { state.unit = at("unit").value; showBoard(); });
  at("search").addEventListener("input", refilter);
  for (const name of Object.keys(filters)) at(name).addEventListener("change", refilter);
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  at("controls").addEventListener("reset", () => setTimeout(() => { state.period = 0; state.unit = "total_usd"; board.order([[0, "asc"]]); showTiles(); showBoard(); }));

  const darkSystem = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  function applyTheme(redraw = true) {
    const theme = chosen ?? (darkSystem.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    at("theme").textContent = theme === "dark" ? "Light" : "Dark";
    at("theme").setAttribute("aria-label", `Use ${theme === "dark" ? "light" : "dark"} colours`);
    if (redraw) redrawAll();
  }
  at("theme").addEventListener("click", () => { chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; applyTheme(); });
  darkSystem.addEventListener("change", () => applyTheme());

  applyTheme(false);
  fillControls();
  showEdition();
  showTiles();
  makeBoard();
  showMonths();
  showBoard();
  const asked = /^#battery=(.+)$/.exec(location.hash);
  if (asked) {
    let name = null;
    try { name = decodeURIComponent(asked[1]); } catch { /* a hash that somebody typed */ }
    const battery = data.batteries.battery.indexOf(name);
    if (battery >= 0) openBattery(battery);
  }
  document.documentElement.dataset.ready = "true";
})();
