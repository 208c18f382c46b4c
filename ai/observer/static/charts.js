// Draws the month with uPlot; every figure drawn also stands as text beside its chart, so this may fail silently.
"use strict";

(() => {
  const REFRESH = 10000; // milliseconds between two draws at least
  const places = [...document.querySelectorAll("[data-chart]")];
  if (!places.length || typeof uPlot === "undefined") return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const seconds = (text) => Date.parse(text) / 1000;
  const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const plots = new Map();
  let month = null;
  let asked = 0;

  const axis = (more) => ({ stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "12px Figtree, system-ui, sans-serif", ...more });
  const dollars = (_, values) => values.map((value) => (value === null ? "" : `$${value < 0.1 && value > 0 ? value.toFixed(3) : value.toFixed(2)}`));
  const dayOf = (_, values) => values.map((value) => new Date(value * 1000).getUTCDate());

  // One row a moment; a line that has nothing to say there holds null and is drawn across.
  const balance = () => {
    const rows = new Map();
    const put = (at, line, value) => {
      if (!rows.has(at)) rows.set(at, [null, null, null]);
      rows.get(at)[line] = Number(value);
    };
    put(seconds(month.starts_at), 1, month.given);
    put(seconds(month.ends_at), 1, 0);
    for (const point of month.balance) put(seconds(point.at), 0, point.left);
    put(seconds(month.now), 0, month.available);
    if (month.projection) {
      put(seconds(month.now), 2, month.available);
      put(seconds(month.projection.at), 2, month.projection.left);
    }
    const times = [...rows.keys()].sort((a, b) => a - b);
    return [times, ...[0, 1, 2].map((line) => times.map((at) => rows.get(at)[line]))];
  };
  const days = () => {
    const spent = new Map(month.days.map((row) => [seconds(`${row.day}T00:00:00Z`), Number(row.cost)]));
    const times = [];
    for (let at = seconds(month.starts_at); at < seconds(month.ends_at); at += 86400) times.push(at);
    return [times, times.map((at) => spent.get(at) ?? null)];
  };

  const shape = (kind, width, height) => {
    const common = {
      width, height, legend: { show: false }, cursor: { show: false }, padding: [8, 8, 0, 0],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      axes: [axis({ values: dayOf, space: 44, size: 28, grid: { show: false } }), axis({ values: dollars, size: 54, space: 34 })],
      scales: { x: { time: true, range: [seconds(month.starts_at), seconds(month.ends_at)] }, y: { range: (_, __, most) => [0, Math.max(most, 0.001) * 1.06] } },
    };
    if (kind === "days") {
      return { ...common, series: [{}, { fill: color("--ember-glow"), stroke: color("--ember-glow"), width: 0, paths: uPlot.paths.bars({ size: [0.72, 24], align: 1, radius: 0.2 }), points: { show: false } }] };
    }
    const line = (name, more) => ({ stroke: color(name), width: 2, spanGaps: true, points: { show: false }, ...more });
    return {
      ...common,
      series: [{}, line("--ember", { points: { show: true, size: 7, width: 0, fill: color("--ember"), filter: (plot) => [plot.data[0].indexOf(seconds(month.now))] }, fill: `color-mix(in srgb, ${color("--ember")} 9%, transparent)` }), line("--even", { dash: [2, 4], width: 1.5 }), line("--ahead", { dash: [7, 5], width: 1.5 })],
    };
  };

  const draw = () => {
    for (const place of places) {
      const kind = place.dataset.chart;
      const old = plots.get(place);
      if (old) old.destroy();
      place.replaceChildren();
      if (!place.clientWidth) continue;
      plots.set(place, new uPlot(shape(kind, place.clientWidth, Number(place.dataset.height)), kind === "days" ? days() : balance(), place));
    }
  };
  const load = async () => {
    if (Date.now() - asked < REFRESH) return;
    asked = Date.now();
    const answer = await fetch("/api/month", { cache: "no-cache" });
    if (!answer.ok) return;
    month = await answer.json();
    draw();
  };

  let width = window.innerWidth;
  addEventListener("resize", () => { if (month && window.innerWidth !== width) { width = window.innerWidth; draw(); } });
  dark.addEventListener("change", () => { if (month) draw(); });
  window.genesisCharts = () => load().catch(() => {});
  window.genesisCharts();
})();
