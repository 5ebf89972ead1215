"use strict";
/* Series and profile, drawn by uPlot. */
Subside.charts = (function () {
  const INK = "#22272e", GRID = "#dfe3e8", DAY = 86400, Z = 1.959964;

  function axis(label, more) {
    return Object.assign({ label, stroke: INK, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID },
      font: "12px sans-serif", labelFont: "12px sans-serif", labelSize: 20 }, more);
  }

  const number = (digits) => (_, v) => (v == null ? "–" : v.toFixed(digits).replace("-", "−"));
  const orGap = (v) => (Number.isFinite(v) ? v : null);
  const shade = (hex, alpha) => hex + Math.round(alpha * 255).toString(16).padStart(2, "0");

  function chart(element, height) {
    let plot = null;
    const size = () => ({ width: Math.max(element.clientWidth, 200), height });
    new ResizeObserver(() => { if (plot && element.clientWidth !== plot.width) plot.setSize(size()); }).observe(element);
    return {
      clear() { if (plot) plot.destroy(); plot = null; },
      draw(options, data) {
        this.clear();
        plot = new uPlot(Object.assign(size(), options), data, element);
        return plot;
      },
      get plot() { return plot; },
    };
  }

  /* entries: {label, colour, days, values, std}. The band is 1.96 deviations to each side. */
  function seriesOptions(entries) {
    const tables = entries.map((e) => {
      const half = e.std ? Array.from(e.std, (s) => Z * s) : null;
      const values = Array.from(e.values);
      return [e.days.map((d) => d * DAY), values.map(orGap),
        values.map((v, t) => (half ? orGap(v - half[t]) : null)), values.map((v, t) => (half ? orGap(v + half[t]) : null))];
    });
    const data = tables.length === 1 ? tables[0] : uPlot.join(tables);
    const series = [{ label: "date", value: (_, v) => (v == null ? "–" : new Date(v * 1000).toISOString().slice(0, 10)) }];
    const bands = [];
    entries.forEach((e, i) => {
      series.push({ label: e.label, stroke: e.colour, width: 1.5, spanGaps: false, value: number(1),
        points: { show: true, size: 5, fill: e.colour, stroke: e.colour } });
      for (const end of ["low", "high"]) {
        series.push({ label: `${end} ${i}`, stroke: "transparent", width: 0, points: { show: false }, spanGaps: false });
      }
      bands.push({ series: [3 * i + 3, 3 * i + 2], fill: shade(e.colour, 0.2) });
    });
    return [{
      series, bands,
      legend: { show: false },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
      scales: { x: { time: true }, y: { range: (_, low, high) => (high - low < 2 ? [low - 1, high + 1] : uPlot.rangeNum(low, high, 0.1, true)) } },
      cursor: { drag: { x: true, y: false } },
      axes: [axis(null, { values: "{YYYY}-{MM}", space: 70, labelSize: 0, size: 32 }), axis("displacement, mm", { size: 50 })],
    }, data];
  }

  /* bins: {at, median, low, high, n}; at in km. */
  function profileOptions(bins, yLabel, colour, onCursor) {
    return [{
      series: [{ label: "km", value: number(2) },
        { label: "median", stroke: colour, width: 1.5, value: number(1), points: { show: bins.at.length < 120, size: 4 } },
        { label: "5 %", stroke: "transparent", value: number(1), points: { show: false } },
        { label: "95 %", stroke: "transparent", value: number(1), points: { show: false } },
        { label: "points", stroke: "transparent", scale: "n", value: number(0), points: { show: false } }],
      bands: [{ series: [3, 2], fill: shade(colour, 0.2) }],
      legend: { show: true, live: true },
      scales: { x: { time: false }, n: { auto: true } },
      hooks: { setCursor: [(u) => onCursor(u.cursor.idx)] },
      axes: [axis("chainage, km", { size: 32 }), axis(yLabel, { size: 50 })],
    }, [bins.at, bins.median, bins.low, bins.high, bins.n]];
  }

  return { chart, seriesOptions, profileOptions, Z };
})();
