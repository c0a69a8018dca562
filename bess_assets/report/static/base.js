// Numbers as they are written, nodes, tables and tiles, and data that script files bring: shared by the page of a year and the site.
//
// Text from the data becomes text nodes, never markup. What is unknown is a dash.
"use strict";
const bess = (() => {
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const UNKNOWN = "–";
  const UNITS = {
    total_usd: { label: "$", digits: 0 },
    usd_per_mw: { label: "$/MW", digits: 0 },
    usd_per_kw_month: { label: "$/kW-month", short: "$/kW\u2011mo", digits: 2 },
    usd_per_kw_year: { label: "$/kW-year", short: "$/kW\u2011yr", digits: 2 },
    usd_per_mwh_discharged: { label: "$/MWh discharged", short: "$/MWh", digits: 2 },
  };
  const STRATEGIES = { energy_arbitrage: "energy", ancillary_services: "ancillary", hybrid: "hybrid", inactive: "inactive" };
  const at = (id) => document.getElementById(id);

  // --- numbers ---------------------------------------------------------------------------------------------------------------------------

  const absent = (value) => value === null || value === undefined;
  const formats = new Map();
  function number(value, digits = 0) {
    if (absent(value)) return UNKNOWN;
    if (!formats.has(digits)) {
      formats.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" }));
    }
    return formats.get(digits).format(value).replace("-", "−");
  }
  const dollars = (value, digits = 0) => (absent(value) ? UNKNOWN : (value < 0 && Number(value.toFixed(digits)) !== 0 ? "−$" : "$") + number(Math.abs(value), digits));
  function largeDollars(value, digits = 2) {
    if (absent(value)) return UNKNOWN;
    const size = Math.abs(value);
    const [by, word] = size >= 1e9 ? [1e9, "b"] : size >= 1e6 ? [1e6, "m"] : size >= 1e3 ? [1e3, "k"] : [1, ""];
    return `${value < 0 ? "−" : ""}$${number(size / by, by === 1 ? 0 : digits)}${word}`;
  }
  // Cut and not rounded, so that 100 % means all and 94.99 % never reads 95 %.
  const percent = (value) => (absent(value) ? UNKNOWN : `${number(Math.floor(value * 1000 + 1e-9) / 10, 1)}%`);
  const words = (value) => (absent(value) || value === "" ? UNKNOWN : String(value));
  const spell = (value, unit) => number(value, UNITS[unit].digits);
  /** The middle one of ascending numbers; of an even count the middle of the two. */
  const median = (sorted) => (sorted.length ? (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2 : null);
  const ascending = (values) => values.filter((value) => !absent(value)).sort((a, b) => a - b);

  // --- nodes ------------------------------------------------------------------------------------------------------------------------------

  function node(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "class") made.className = value;
      else if (name in made && typeof value !== "string") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const cell = (text, properties = {}) => node("td", { ...properties, class: `${properties.class ?? ""} ${text === UNKNOWN ? "unknown" : ""}`.trim() }, text);
  function table(headings, rows, caption) {
    const kind = (heading) => (heading.text ? "text" : "") + (heading.wrap ? " wrap" : "");
    return node("table", {},
      node("caption", { class: "unseen" }, caption),
      node("thead", {}, node("tr", {}, ...headings.map((h) => node("th", { scope: "col", class: kind(h), ...(h.title ? { title: h.title } : {}) }, h.label)))),
      node("tbody", {}, ...rows.map((row) => node("tr", {}, ...row.map((value, n) => {
        if (n === 0) return node("th", { scope: "row", class: kind(headings[0]) }, value);
        return value instanceof Node ? node("td", { class: kind(headings[n]) }, value) : cell(value, { class: kind(headings[n]) });
      })))));
  }
  /** A table in a box of its own, which scrolls where it is wider than the page. */
  const boxed = (headings, rows, caption) => node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table(headings, rows, caption));
  const tile = (label, value, more) => node("div", { class: "tile" }, node("div", { class: "label" }, label), node("div", { class: "value" }, value), more ? node("div", { class: "more" }, more) : null);
  function legend(streams) {
    return streams.map((s) => {
      const mark = node("i");
      mark.style.background = `var(${s.colour})`;
      return node("li", {}, mark, s.name);
    });
  }
  /** A rank, and beside it the places gained or lost since an earlier board. */
  function rankCell(rank, change, since) {
    if (!change) return words(rank);
    const [direction, mark] = change > 0 ? ["up", "▴"] : ["down", "▾"];
    const said = `${Math.abs(change)} ${direction}`;
    return node("span", {}, words(rank), node("span", { class: direction, title: `${said} since ${since}` }, node("span", { "aria-hidden": "true" }, mark + Math.abs(change)), node("span", { class: "unseen" }, said)));
  }
  /** The month before one, in words. */
  const monthBefore = (year, month) => (month > 1 ? `${MONTHS[month - 2]} ${year}` : `December ${year - 1}`);
  /** Further columns of the battery table as pairs of name and value. */
  const attributes = (text) => Object.entries(JSON.parse(text || "{}"));
  const link = (text, href, properties = {}) => node("a", { ...properties, href }, text);
  const streamsOf = (named) => named.map(([column, name, short], n) => ({ column, name, short, colour: `--s${n}` }));
  /** The streams of which some row knows dollars. */
  const existing = (streams, rows) => streams.filter((s) => rows.some((row) => !absent(row[s.column]) && row[s.column] !== 0));

  // --- state ------------------------------------------------------------------------------------------------------------------------------

  /** What the address says after its #, by name; nothing where somebody typed nonsense. */
  function stateOfAddress() {
    try { decodeURIComponent(location.hash); } catch { return {}; }
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }
  const hashOf = (state) => {
    const kept = Object.entries(state).filter(([, value]) => !absent(value) && value !== "");
    return kept.length ? `#${new URLSearchParams(kept)}` : "";
  };
  /** Let the address say the state, where the browser lets a file do that. */
  function keepInAddress(state) {
    try { history.replaceState(null, "", hashOf(state) || location.pathname + location.search); } catch { /* it shows the same all the same */ }
  }

  // --- data -------------------------------------------------------------------------------------------------------------------------------

  const brought = new Map();
  /** Called by the script files of the site. */
  const put = (name, value) => brought.set(name, value);
  const here = (name) => brought.get(name);
  /** Data of a script file, loaded when it is looked at: from a file no page can fetch anything else. */
  function load(name) {
    if (brought.has(name)) return Promise.resolve(brought.get(name));
    return new Promise((resolve, reject) => {
      const script = node("script", { src: `data/${name}.js` });
      script.addEventListener("load", () => (brought.has(name) ? resolve(brought.get(name)) : reject(new Error(`data/${name}.js holds no data`))));
      script.addEventListener("error", () => reject(new Error(`data/${name}.js is not there`)));
      document.head.append(script);
    });
  }

  // --- colours ----------------------------------------------------------------------------------------------------------------------------

  const darkSystem = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = sessionStorage.getItem("theme"); } catch { /* no place to remember it */ }
  function applyTheme() {
    const theme = chosen ?? (darkSystem.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    at("theme").textContent = theme === "dark" ? "Light" : "Dark";
    at("theme").setAttribute("aria-label", `${theme === "dark" ? "Light" : "Dark"} colours`);
  }
  at("theme").addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { sessionStorage.setItem("theme", chosen); } catch { /* it holds for this page */ }
    applyTheme();
  });
  darkSystem.addEventListener("change", applyTheme);
  applyTheme();

  return {
    MONTHS, UNKNOWN, UNITS, STRATEGIES, at, absent, number, dollars, largeDollars, percent, words, spell, median, ascending, node, table, boxed, tile, legend,
    rankCell, monthBefore, link, attributes, streamsOf, existing, stateOfAddress, hashOf, keepInAddress, put, here, load,
  };
})();
