// Charts as SVG by Observable Plot: they take their colours from the style, so that dark, light and print need no second drawing, and their width from their
// box, again whenever that changes. What the pointer rests on is said in text.
"use strict";
bess.charts = (() => {
  const { MONTHS, number, dollars, largeDollars, node, legend, absent } = bess;
  const FONT = { fontSize: "11px", fontFamily: "inherit", color: "var(--soft)", background: "none", overflow: "visible" };

  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) if (Math.round(contentRect.width) !== target.drawnWidth) render(target);
  });
  function render(host) {
    host.drawnWidth = Math.round(host.clientWidth);
    if (!host.drawnWidth) return;
    const figure = host.make(host.drawnWidth);
    // The library names its groups for readers of the screen, who may not be told a name without a role; the host says what the chart shows.
    for (const part of figure?.querySelectorAll("[aria-label]") ?? []) { part.dataset.mark ??= part.getAttribute("aria-label"); part.removeAttribute("aria-label"); }
    host.replaceChildren(figure ?? node("p", { class: "remark" }, "Nothing known to draw."));
    host.figure = figure;
    host.dataset.drawn = "true";
  }
  /** Draw a chart into its host once that has a width; `make` gives the SVG for a width, or null. */
  function draw(host, said, make) {
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", said);
    host.make = make;
    delete host.dataset.drawn;
    sizes.observe(host);
    render(host);
  }
  function chart(title, said, make, streams = null) {
    const host = node("div", { class: "plot" });
    draw(host, said, make);
    return node("figure", { class: "chart" }, node("figcaption", {}, title), streams ? node("ul", { class: "legend" }, ...legend(streams)) : null, host);
  }

  function plot(width, { x = {}, y = {}, marks, ...more }) {
    return Plot.plot({
      width, height: 220, marginLeft: 46, marginRight: 10, marginBottom: 34, marginTop: 10, style: FONT, color: { type: "identity" }, r: { type: "identity" }, ...more,
      x: { tickSize: 0, label: null, ...x }, y: { tickSize: 0, label: null, grid: true, ticks: 5, ...y }, marks,
    });
  }
  /** Let a click on a drawn shape lead somewhere; the tables beside hold a link or button for each. */
  function lead(figure, shapes, to) {
    if (!to) return figure;
    for (const shape of figure.querySelectorAll(shapes)) {
      shape.style.cursor = "pointer";
      shape.addEventListener("click", () => to(shape.__data__));
    }
    return figure;
  }
  const tip = { tip: { fill: "var(--card)", stroke: "var(--line)", textPadding: 7, fontSize: 11, lineWidth: 26, pointerSize: 8 }, title: "said" };
  /** Dollars of a tick: $1.5m, $500k. */
  const short = (value) => largeDollars(value, 1).replace(/\.0(?=\D|$)/, "");
  const zero = () => Plot.ruleY([0], { stroke: "var(--soft)", strokeOpacity: 0.5 });

  /** Bars by label, of `parts` that hold the place n of their label, label, value, colour and said; null without any. */
  const barsOf = ({ labels, height = 220, to = null }, width, parts, tickFormat) => parts.length ? lead(plot(width, {
    height, x: { domain: labels, padding: 0.28, tickRotate: width / labels.length < 30 ? -90 : 0 }, y: { tickFormat },
    marks: [Plot.barY(parts, { x: "label", y: "value", fill: "colour", ...tip }), zero()],
  }), "[aria-label=bar] rect", to && ((i) => to(parts[i].n))) : null;
  /** Stacked bars: what was earned upwards, what was lost downwards. `labels` name the rows, `full` say them whole. */
  const stack = ({ full, rows, streams, ...about }) => (width) => barsOf(about, width, rows.flatMap((row, n) => streams.filter((s) => !absent(row[s.column]) && row[s.column] !== 0)
    .map((s) => ({ n, label: about.labels[n], value: row[s.column], colour: `var(${s.colour})`, said: `${(full ?? about.labels)[n]}: ${s.name} ${dollars(row[s.column])}` }))), short);
  /** One bar a label, of a figure that does not add up. */
  const bars = ({ full, values, digits, unit, ...about }) => (width) => {
    const known = values.map((value, n) => ({ n, label: about.labels[n], value, colour: "var(--s0)", said: `${(full ?? about.labels)[n]}: ${number(value, digits)} ${unit}` })).filter(({ value }) => !absent(value));
    return barsOf(about, width, known, tickOf(known.map((k) => k.value)));
  };
  /** A waterfall from one amount to another: `from`, `steps` and `to` hold [label, dollars]. */
  const waterfall = ({ from, steps, to, height = 280 }) => (width) => {
    let level = from[1];
    const drawn = [{ label: from[0], low: 0, high: from[1], colour: "var(--s6)", value: from[1] }];
    for (const [label, value] of steps) {
      drawn.push({ label, low: level, high: level + value, colour: value < 0 ? "var(--bad)" : "var(--good)", value });
      level += value;
    }
    drawn.push({ label: to[0], low: 0, high: to[1], colour: "var(--s0)", value: to[1] });
    for (const bar of drawn) bar.said = `${bar.label}: ${dollars(bar.value)}`;
    const joints = drawn.slice(1).map((bar, n) => ({ before: drawn[n].label, label: bar.label, level: drawn[n].high }));
    const narrow = width / drawn.length < 84;
    const shown = (value) => largeDollars(value, Math.abs(value) >= 1e6 ? (narrow ? 1 : 2) : 0);
    return plot(width, {
      height, marginTop: 20, marginBottom: narrow ? 84 : 34, x: { domain: drawn.map((bar) => bar.label), padding: 0.28, tickRotate: narrow ? -90 : 0 }, y: { tickFormat: short },
      marks: [
        Plot.link(joints, { x1: "before", x2: "label", y1: "level", y2: "level", stroke: "var(--soft)", strokeOpacity: 0.6, strokeDasharray: "2 3" }),
        Plot.barY(drawn, { x: "label", y1: "low", y2: "high", fill: "colour", ...tip }),
        Plot.text(drawn, { x: "label", y: (bar) => Math.max(bar.low, bar.high), dy: -8, text: (bar) => shown(bar.value), fill: "var(--ink)" }), zero(),
      ],
    });
  };
  /** Ticks as short as the values allow. */
  function tickOf(values) {
    const most = Math.max(...values.map(Math.abs));
    if (most >= 1e3) return (value) => short(value).replace("$", "");
    return (value) => number(value, most >= 20 ? 0 : 1);
  }
  /** Dots; `points` hold x, y, size, said. */
  const scatter = ({ points, xLabel, to = null, height = 220 }) => (width) => {
    if (!points.length) return null;
    const figure = plot(width, {
      height, x: { label: xLabel, labelAnchor: "center", labelArrow: "none", ticks: 6, nice: true, inset: 8, tickFormat: tickOf(points.map((p) => p.x)) }, y: { tickFormat: tickOf(points.map((p) => p.y)), nice: true },
      marks: [Plot.dot(points, { x: "x", y: "y", r: "size", fill: "var(--s0)", fillOpacity: 0.55, stroke: "var(--card)", strokeWidth: 0.8, ...tip })],
    });
    return lead(figure, "[aria-label=dot] circle", to && ((i) => to(points[i])));
  };
  const histogram = ({ sorted, label, digits }) => (width) => {
    if (!sorted.length) return null;
    const low = sorted[0];
    const high = sorted.at(-1);
    const wide = niceWidth((high - low) / Math.max(4, Math.min(24, Math.ceil(Math.sqrt(sorted.length) * 1.6)))) || Math.max(1, Math.abs(high) / 10);
    const first = Math.floor(low / wide);
    const counts = Array.from({ length: Math.floor(high / wide) - first + 1 }, () => 0);
    for (const value of sorted) counts[Math.floor(value / wide) - first] += 1;
    const edge = (n) => (first + n) * wide;
    const bins = counts.map((count, n) => ({ from: edge(n), to: edge(n + 1), count, said: `${count} ${count === 1 ? "battery" : "batteries"} from ${number(edge(n), digits)} to ${number(edge(n + 1), digits)} ${label}` }));
    return plot(width, {
      x: { label, labelAnchor: "center", labelArrow: "none", ticks: 6, tickFormat: tickOf(sorted) }, y: { label: "batteries", labelArrow: "none", tickFormat: (n) => (Number.isInteger(n) ? String(n) : "") }, marginTop: 18,
      marks: [Plot.rectY(bins, { x1: "from", x2: "to", y: "count", fill: "var(--s0)", fillOpacity: 0.8, ...tip }), zero()],
    });
  };
  function niceWidth(raw) {
    if (!(raw > 0)) return 0;
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= raw);
  }
  /** Lines over time; what is unknown breaks the line. `series` hold values, colour, said(value, n). */
  const lines = ({ times, series, format, points = false, top = null, height = 200, tickFormat = undefined }) => (width) => {
    const shown = series.filter((s) => s.values.some((value) => !absent(value)));
    if (!shown.length) return null;
    const drawn = shown.map((s) => s.values.map((value, n) => ({ time: new Date(times[n]), value: value ?? NaN, colour: `var(${s.colour})`, said: absent(value) ? "" : s.said(value, n) })));
    const every = drawn.flat().filter((point) => point.said);
    const most = Math.max(0, ...every.map((point) => point.value));
    return plot(width, {
      height, x: { type: "utc", tickFormat, ticks: points ? times.map((time) => new Date(time)) : Math.max(2, Math.floor(width / 70)) }, y: { tickFormat: format, ...(points ? { domain: [Math.min(0, ...every.map((point) => point.value)), top ?? (most || 1)], nice: true } : {}) },
      marks: [
        ...drawn.map((line, n) => Plot.lineY(line, { x: "time", y: "value", stroke: `var(${shown[n].colour})`, strokeWidth: 1.8 })),
        ...(points ? [Plot.dot(every, { x: "time", y: "value", r: 3, fill: "colour" })] : []),
        Plot.tip(every, Plot.pointer({ x: "time", y: "value", title: "said", fill: "var(--card)", stroke: "var(--line)", textPadding: 7 })),
        zero(),
      ],
    });
  };
  /** What is known added up from the first on; what is unknown leaves a gap and adds nothing. */
  const sums = (values) => { let total = 0; return values.map((value) => (absent(value) ? null : (total += value))); };
  const monthLabels = (months) => months.map((month) => MONTHS[month - 1].slice(0, 3));

  return { draw, chart, stack, bars, waterfall, scatter, histogram, lines, short, sums, monthLabels };
})();
