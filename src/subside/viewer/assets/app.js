"use strict";
/* The page: what is shown, what is chosen, and what is said about it. */
(function () {
  const S = Subside.statistics, M = Subside.means, source = Subside.source, charts = Subside.charts;
  const $ = (id) => document.getElementById(id);
  const REACH_PX = 14, NEAR_M = 100, MOST_SERIES = 6, MOST_ROWS = 20000, MOST_BLOCKS = 64, REFERENCE_SAMPLE = 32, MOST_BINS = 4000, LEAST_IN_BIN = 3, MOST_NAMES = 12;
  const state = { manifest: null, sets: [], reference: null, entries: [], tool: "select", ring: [], turn: 0, serial: 0,
    colour: "rate", ranges: {}, filters: { coherence: 0, sigma: Infinity, kinds: new Set(), flags: 0 }, bins: null, mark: null };
  const CROSSING = "The sides of the area cross: what they enclose twice is left out.";
  let map = null, projection = null, seriesChart = null, profileChart = null;

  const signed = (v, digits = 1) => (Number.isFinite(v) ? (v < 0 ? "−" : "+") + Math.abs(v).toFixed(digits) : "unknown");
  const plain = (v, digits = 1) => (Number.isFinite(v) ? v.toFixed(digits).replace("-", "−") : "unknown");
  const count = (n) => n.toLocaleString("en-GB");
  const dateOf = (day) => new Date(day * 86400000).toISOString().slice(0, 10);
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  function make(tag, text, more) {
    const element = Object.assign(document.createElement(tag), more || {});
    if (text != null) element.textContent = text;
    return element;
  }

  function fail(error) {
    $("count").textContent = `This page could not be drawn: ${error.message || error}`;
    $("count").classList.add("warning");
    console.error(error);
  }

  /* ---- loading ---- */

  async function start() {
    const manifest = (state.manifest = await source.manifest());
    projection = S.projection(manifest.origin, manifest.radius);
    document.title = manifest.title;
    $("title").textContent = manifest.title;
    state.sets = await Promise.all(manifest.sets.map(async (meta, k) => {
      const set = { meta, k, on: true, ground: (y) => projection.ground(y), rho: M.correlations(meta.correlation), visible: new Uint32Array(0) };
      await Promise.all(Object.entries(meta.columns).map(async ([name, type]) => { set[name] = await source.column(k, name, type); }));
      set.shownRate = set.rate;
      set.shownSigma = set.sigma;
      return set;
    }));
    state.ranges = startRanges();
    state.filters.kinds = new Set(manifest.kinds.map((kind) => kind.value));
    state.filters.flags = manifest.flags.reduce((sum, f) => sum | f.bit, 0);
    buildPanel();
    seriesChart = charts.chart($("series-chart"), 240);
    profileChart = charts.chart($("profile-chart"), 240);
    map = Subside.createMap($("map"), projection, { onClick, onHover, onMove: () => onHover(null), onKey, onError: fail });
    refresh();
    fitAll();
    describeReference();
    if (map.raster) $("sources").append(make("p", "Points are drawn by the processor: no graphics hardware was found."));
    document.body.dataset.ready = "true";
  }

  function startRanges() {
    const sigma = [], coherence = [];
    for (const set of state.sets) {
      const step = Math.max(1, Math.floor(set.meta.n / 20000));
      for (let i = 0; i < set.meta.n; i += step) {
        if (Number.isFinite(set.sigma[i])) sigma.push(set.sigma[i]);
        if (Number.isFinite(set.coherence[i])) coherence.push(set.coherence[i]);
      }
    }
    sigma.sort((a, b) => a - b);
    coherence.sort((a, b) => a - b);
    const low = S.quantile(coherence, 0.02);
    return { rate: state.manifest.rate_limit, sigma: nice(S.quantile(sigma, 0.98)) || 1,
      coherence: Number.isFinite(low) ? Math.min(Math.floor(low * 10) / 10, 0.9) : 0 };
  }

  function nice(v) {
    if (!(v > 0)) return 0;
    const power = 10 ** Math.floor(Math.log10(v));
    return Number(([1, 1.5, 2, 3, 5, 7.5, 10].find((f) => f * power >= v) * power).toPrecision(3));
  }

  function bounds() {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { xy, meta } of state.sets) {
      for (let i = 0; i < meta.n; i++) {
        const x = xy[2 * i], y = xy[2 * i + 1];
        if (x < box[0]) box[0] = x;
        if (y < box[1]) box[1] = y;
        if (x > box[2]) box[2] = x;
        if (y > box[3]) box[3] = y;
      }
    }
    return box;
  }

  function fitAll() { map.fit(state.box || (state.box = bounds())); }

  /* ---- points shown and their colours ---- */

  function filter() {
    const { coherence, sigma, kinds, flags } = state.filters;
    for (const set of state.sets) {
      const rows = new Uint32Array(set.meta.n);
      let n = 0;
      if (set.on) {
        for (let i = 0; i < set.meta.n; i++) {
          if (set.flags[i] & flags || !kinds.has(set.kind[i])) continue;
          if (coherence > 0 && !(set.coherence[i] >= coherence)) continue;
          if (sigma < Infinity && !(set.shownSigma[i] <= sigma)) continue;
          rows[n++] = i;
        }
      }
      set.visible = rows.slice(0, n);
    }
    const shown = state.sets.reduce((sum, s) => sum + s.visible.length, 0);
    const all = state.sets.reduce((sum, s) => sum + s.meta.n, 0);
    $("count").textContent = `${count(shown)} of ${count(all)} points shown${shown ? "" : ": none passes the filters"}`;
    state.sets.forEach((set) => { $(`track-n-${set.k}`).textContent = `${count(set.visible.length)} of ${count(set.meta.n)}`; });
  }

  function colourer(set) {
    const { palettes, no_data, categories } = state.manifest;
    const none = rgb(no_data);
    if (state.colour === "kind") {
      const table = [rgb(categories[5]), rgb(categories[0]), rgb(categories[1])];
      return (i, out, at) => { const c = table[set.kind[i]] || none; out[at] = c[0]; out[at + 1] = c[1]; out[at + 2] = c[2]; };
    }
    const range = state.ranges[state.colour];
    const [values, name, low, high] = { rate: [set.shownRate, "motion", -range, range], sigma: [set.shownSigma, "spread", 0, range],
      coherence: [set.coherence, "quality", range, 1] }[state.colour];
    const table = (palettes[`${name}-bytes`] ||= S.bytes(palettes[name]));
    const scale = 255 / (high - low);
    return (i, out, at) => {
      const v = values[i];
      if (v !== v) { out[at] = none[0]; out[at + 1] = none[1]; out[at + 2] = none[2]; return; }
      const c = 3 * Math.round(Math.min(Math.max((v - low) * scale, 0), 255));
      out[at] = table[c]; out[at + 1] = table[c + 1]; out[at + 2] = table[c + 2];
    };
  }

  function drawPoints() {
    map.setPoints(state.sets.map((set) => {
      const n = set.visible.length, positions = new Float32Array(3 * n), colours = new Uint8Array(4 * n), paint = colourer(set);
      for (let j = 0; j < n; j++) {
        const i = set.visible[j];
        positions[3 * j] = set.xy[2 * i];
        positions[3 * j + 1] = set.xy[2 * i + 1];
        paint(i, colours, 4 * j);
        colours[4 * j + 3] = 255;
      }
      return { positions, colours, n };
    }));
    drawLegend();
  }

  function drawLegend() {
    const range = state.ranges[state.colour], { palettes, categories, no_data, kinds, sign } = state.manifest;
    const bar = $("legend-bar"), ends = ["", "", ""];
    $("colour-range").hidden = $("colour-range-label").hidden = $("colour-unit").hidden = state.colour === "kind";
    bar.replaceChildren();
    bar.hidden = state.colour === "kind";
    let note = "";
    if (state.colour === "kind") {
      $("legend-title").textContent = "kind of point";
      const list = make("div");
      const hues = [categories[5], categories[0], categories[1]];
      kinds.forEach((kind) => {
        const row = make("div"), swatch = make("span", null, { className: "swatch" });
        swatch.style.background = hues[kind.value] || no_data;
        row.append(swatch, kind.name);
        list.append(row);
      });
      $("legend-note").replaceChildren(list);
    } else {
      const table = S.bytes(palettes[{ rate: "motion", sigma: "spread", coherence: "quality" }[state.colour]]);
      const stops = [];
      for (let i = 0; i <= 255; i += 15) stops.push(`rgb(${table[3 * i]},${table[3 * i + 1]},${table[3 * i + 2]})`);
      bar.style.background = `linear-gradient(to right, ${stops.join(",")})`;
      const digits = range < 1 ? 2 : range % 1 ? 1 : 0;
      if (state.colour === "rate") {
        $("legend-title").textContent = "rate in line of sight, mm/yr";
        ends.splice(0, 3, `−${plain(range, digits)}`, "0", `+${plain(range, digits)}`);
        note = `${sign}; red sinks or moves away` + (state.reference ? `; relative to ${state.reference.label}` : "");
      } else if (state.colour === "sigma") {
        $("legend-title").textContent = "standard deviation, mm/yr";
        ends.splice(0, 3, "0", "", plain(range, digits));
        note = state.reference && !isCovarianceKnown() ? "of the original reference" : "grey is unknown";
      } else {
        $("legend-title").textContent = "temporal coherence";
        ends.splice(0, 3, plain(range, 2), "", "1");
        note = "grey is unknown";
      }
      $("legend-note").textContent = note;
    }
    ["low", "middle", "high"].forEach((name, i) => { $(`legend-${name}`).textContent = ends[i]; });
  }

  function refresh() { filter(); drawPoints(); drawOverlays(); drawProfile(); }

  /* ---- overlays ---- */

  function pathsOf(geometry) {
    const kinds = { LineString: (c) => [c], MultiLineString: (c) => c, Polygon: (c) => c, MultiPolygon: (c) => c.flat() };
    return (kinds[geometry.type] || (() => []))(geometry.coordinates).map((path) => path.map(([x, y]) => projection.forward(x, y)));
  }

  function drawOverlays() {
    const { layers } = state.manifest, lines = [], dots = [], texts = [], rings = [];
    const features = (name) => (layers[name] ? layers[name].features : []);
    for (const f of features("polygons")) {
      const paths = pathsOf(f.geometry);
      paths.forEach((path) => lines.push({ path, colour: [60, 45, 90], width: 2 }));
      const top = paths[0].reduce((best, p) => (p[1] > best[1] ? p : best));
      texts.push({ at: top, text: f.properties.name });
    }
    for (const f of features("line")) pathsOf(f.geometry).forEach((path) => lines.push({ path, colour: [15, 15, 15], width: 2.5 }));
    for (const [name, colour] of [["sites", [20, 20, 20]], ["references", [106, 61, 154]]]) {
      const isNamed = name === "sites" || features(name).length <= MOST_NAMES;
      for (const f of features(name)) {
        const at = projection.forward(...f.geometry.coordinates);
        dots.push({ at, colour, radius: name === "sites" ? 5 : 4 });
        if (isNamed) texts.push({ at, text: f.properties.name });
      }
    }
    for (const e of state.entries) {
      if (e.ring) lines.push({ path: [...e.ring, e.ring[0]], colour: rgb(e.colour), width: 3 });
      else {
        rings.push({ at: positionOf(e.k, e.rows[0]), colour: [255, 255, 255], radius: 10 });
        rings.push({ at: positionOf(e.k, e.rows[0]), colour: rgb(e.colour), radius: 8 });
      }
    }
    if (state.reference) {
      if (state.reference.ring) lines.push({ path: [...state.reference.ring, state.reference.ring[0]], colour: [106, 61, 154], width: 3 });
      texts.push({ at: state.reference.at, text: "reference" });
      dots.push({ at: state.reference.at, colour: [106, 61, 154], radius: 6 });
    }
    if (state.ring.length) {
      lines.push({ path: state.ring.length > 2 ? [...state.ring, state.ring[0]] : state.ring, colour: [0, 0, 0], width: 2 });
      state.ring.forEach((at) => dots.push({ at, colour: [0, 0, 0], radius: 4 }));
    }
    if (state.mark) {
      rings.push({ at: state.mark, colour: [255, 255, 255], radius: 13 });
      rings.push({ at: state.mark, colour: [0, 0, 0], radius: 10.5 });
    }
    map.setOverlays({ lines, dots, texts, rings });
  }

  const positionOf = (k, row) => [state.sets[k].xy[2 * row], state.sets[k].xy[2 * row + 1]];

  /* ---- choosing ---- */

  function nearest([x, y], reach, onlySet) {
    let best = null, least = reach * reach;
    for (const set of onlySet == null ? state.sets : [state.sets[onlySet]]) {
      const { visible, xy } = set;
      for (let j = 0; j < visible.length; j++) {
        const i = visible[j], dx = xy[2 * i] - x, dy = xy[2 * i + 1] - y, d = dx * dx + dy * dy;
        if (d < least) { least = d; best = { k: set.k, row: i }; }
      }
    }
    return best;
  }

  function onClick(at, isAdded, reach = REACH_PX * map.metresPerPixel()) {
    if (state.tool === "polygon") { addCorner(at); return; }
    const found = nearest(at, reach);
    if (!found && !isAnyShown()) { say("No point is shown: loosen the filters."); return; }
    if (!found) { say(`There is no point shown within ${plain(reach * projection.ground(at[1]), 0)} m of the place clicked.`); return; }
    say("");
    if (state.tool === "reference") { setTool("select"); referTo(pointReference(found)); return; }
    select(found.k, found.row, isAdded || $("series-add").checked);
  }

  const isAnyShown = () => state.sets.some((set) => set.visible.length);

  function addCorner(at) {
    const last = state.ring[state.ring.length - 1];
    if (last && Math.hypot(last[0] - at[0], last[1] - at[1]) < 4 * map.metresPerPixel()) return;
    state.ring.push(at);
    say(state.ring.length < 3 ? "Click the next corner. Escape gives up." : "Double click or Enter closes the area. Escape gives up.");
    drawOverlays();
  }

  function onKey(key, centre, isShifted) {
    if (key === "Escape") { state.ring = []; say(""); setTool("select"); drawOverlays(); return true; }
    if (state.tool === "polygon") {
      if (key === "double" || key === "Enter") { closeRing(); return true; }
      if (key === " ") { addCorner(centre); return true; }
      return false;
    }
    if (key === "Enter" || key === " ") { onClick(centre, isShifted, Infinity); return true; }
    return false;
  }

  function closeRing() {
    const ring = state.ring;
    if (ring.length < 3) { say("An area needs three corners."); return; }
    state.ring = [];
    setTool("select");
    selectArea(ring);
  }

  function setTool(tool) {
    state.tool = tool;
    if (tool !== "polygon") state.ring = [];
    for (const name of ["select", "polygon", "reference"]) $(`tool-${name}`).setAttribute("aria-pressed", String(name === tool));
    const hints = { polygon: "Click the corners of an area; by keyboard, Space sets one at the cross.", reference: "Click the point that shall be zero." };
    say(hints[tool] || "");
  }

  function say(text) { $("hint").textContent = text; $("hint").hidden = !text; }

  function onHover(at) {
    const [x, y] = at || map.centre, [lon, lat] = projection.inverse(x, y);
    const text = `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? "W" : "E"}`;
    $("position").textContent = at ? text : `centre ${text}`;
  }

  /* ---- series ---- */

  function freeColour() {
    const taken = new Set(state.entries.map((e) => e.colour));
    return state.manifest.categories.find((c) => !taken.has(c)) || state.manifest.categories[0];
  }

  async function select(k, row, isAdded) {
    const entry = { id: ++state.serial, k, rows: [row], label: `point ${row} of ${state.sets[k].meta.name}` };
    await addEntries([entry], isAdded);
  }

  async function selectArea(ring) {
    const entries = [];
    for (const set of state.sets) {
      const rows = S.rowsInside(ring, set.xy, set.visible);
      if (rows.length) entries.push({ id: ++state.serial, k: set.k, rows, ring, label: `mean of ${count(rows.length)} points, ${set.meta.name}` });
    }
    if (!entries.length) { say(isAnyShown() ? "There is no point shown in this area." : "No point is shown: loosen the filters."); drawOverlays(); return; }
    if (S.isCrossing(ring)) say(CROSSING);
    await addEntries(entries, $("series-add").checked);
  }

  async function addEntries(entries, isAdded) {
    if (!isAdded) state.entries = [];
    if (state.entries.length + entries.length > MOST_SERIES) { say(`At most ${MOST_SERIES} series at a time. Take one away first.`); return; }
    for (const entry of entries) { entry.colour = freeColour(); state.entries.push(entry); }
    drawOverlays();
    await updateSeries();
  }

  const fewBlocks = (rows) => S.thinnedByBlocks(rows, state.manifest.block_rows, MOST_BLOCKS, MOST_ROWS);

  async function seriesOf(set, rows) {
    if (!set.meta.n_blocks) return null;
    return M.series(set, rows, await source.series(set.k, set.meta, state.manifest.block_rows, rows));
  }

  async function compute(entry) {
    const { reference } = state, set = state.sets[entry.k], rows = fewBlocks(entry.rows);
    const ofRates = (reference && reference.rates[set.k]) || null, own = M.rates(set, entry.rows);
    const [series, ofSeries] = await Promise.all([seriesOf(set, rows), ofRates && referenceSeries(reference, set)]);
    const name = entry.ring ? null : await source.name(entry.k, set.meta, state.manifest.block_rows, entry.rows[0]);
    return { rate: M.difference(own, ofRates)[0], sigma: M.deviations(set, own, ofRates)[0], effective: own.results[0].effective, n_rates: own.results[0].n,
      excess: own.results[0].excess, values: series ? M.difference(series, ofSeries) : [], days: set.meta.days,
      std: series && set.meta.has_std ? M.deviations(set, series, ofSeries) : null, label: name || entry.label, n_used: rows.length };
  }

  function referenceSeries(reference, set) {
    const found = (reference.series[set.k] ||= seriesOf(set, fewBlocks(reference.rows[set.k])));
    found.catch(() => { delete reference.series[set.k]; });
    return found;
  }

  async function updateSeries() {
    const turn = ++state.turn, entries = [...state.entries];
    try {
      const results = await Promise.all(entries.map(compute));
      if (turn !== state.turn) return;
      results.forEach((result, i) => Object.assign(entries[i], result));
    } catch (error) {
      $("series-note").textContent = `The series could not be read: ${error.message || error}`;
      say(String(error.message || error));
      return;
    }
    showSeries();
  }

  function showSeries() {
    const { entries } = state, list = $("series-list");
    $("selection-empty").hidden = entries.length > 0;
    $("series-actions").hidden = !entries.length;
    list.replaceChildren(...entries.map((e) => {
      const row = make("li"), swatch = make("span", null, { className: "swatch" });
      swatch.style.background = e.colour;
      const remove = make("button", "×", { type: "button" });
      remove.setAttribute("aria-label", `Take away ${e.label}`);
      remove.addEventListener("click", () => { state.entries = state.entries.filter((o) => o !== e); drawOverlays(); updateSeries(); });
      row.append(swatch, make("span", `${e.label}: ${signed(e.rate)} ± ${plain(e.sigma)} mm/yr`, { className: "text" }), remove);
      return row;
    }));
    showFacts(entries[entries.length - 1]);
    const drawn = entries.filter((e) => e.values && e.values.length && Array.from(e.values).some(Number.isFinite));
    if (drawn.length) seriesChart.draw(...charts.seriesOptions(drawn));
    else seriesChart.clear();
    $("series-note").textContent = entries.length ? seriesNote(entries, drawn) : "";
    document.body.dataset.series = String(state.turn);
  }

  function seriesNote(entries, drawn) {
    const notes = [];
    if (!drawn.length) {
      notes.push(entries.some((e) => e.days.length) ? "Every displacement is unknown: nothing to draw." : "There are rates only: no displacement series.");
    } else if (drawn.some((e) => e.std)) notes.push(`Band: 95 % (±1.96 σ), σ relative to the first date. ${state.manifest.sign}.`);
    if (entries.some((e) => e.ring && S.isCrossing(e.ring))) notes.push(CROSSING);
    if (drawn.some((e) => !e.std)) notes.push("The standard deviation of the displacements is unknown: no band.");
    if (entries.some((e) => e.ring)) notes.push("A mean of an area is a Huber mean: points that stand out weigh less; its series starts at zero.");
    const thinned = entries.filter((e) => e.n_used < e.rows.length).map((e) => `${count(e.n_used)} of ${count(e.rows.length)}`);
    if (thinned.length) notes.push(`Series of large areas are means of points spread evenly over those inside (${thinned.join(", ")}): ${MOST_BLOCKS} blocks are read at most.`);
    return notes.join(" ");
  }

  function showFacts(entry) {
    const box = $("facts");
    if (!entry) { box.replaceChildren(); return; }
    const set = state.sets[entry.k], { meta } = set, i = entry.rows[0], list = make("dl");
    const add = (name, value, className) => list.append(make("dt", name), make("dd", value, className ? { className } : {}));
    add("rate", `${signed(entry.rate)} ± ${plain(entry.sigma)} mm/yr`, "big");
    add("relative to", state.reference && state.reference.rows[entry.k] ? state.reference.label : meta.datum);
    add("track", meta.name);
    if (entry.ring) describeMean(entry, meta.correlation, add);
    else {
      const [lon, lat] = projection.inverse(...positionOf(entry.k, i));
      const kind = state.manifest.kinds.find((k) => k.value === set.kind[i]);
      const words = state.manifest.flags.filter((f) => set.flags[i] & f.bit).map((f) => f.description);
      add("point", entry.label);
      add("place", `${lat.toFixed(6)}, ${lon.toFixed(6)} (latitude, longitude)`);
      add("kind", kind ? kind.name : "unknown");
      add("coherence", plain(set.coherence[i], 2));
      add("height", Number.isFinite(set.height[i]) ? `${plain(set.height[i], 1)} m` : "unknown");
      add("flags", words.length ? words.join("; ") : "none");
      if (set.chainage && Number.isFinite(set.chainage[i])) {
        add("chainage", `${plain(set.chainage[i] / 1000, 3)} km, ${plain(Math.abs(set.offset[i]), 0)} m ${set.offset[i] < 0 ? "right" : "left"} of the line`);
      }
    }
    if (meta.days.length) add("dates", `${meta.days.length}, ${dateOf(meta.days[0])} to ${dateOf(meta.days[meta.days.length - 1])}`);
    box.replaceChildren(list, lengthy("what σ is", meta.sigma_definition));
  }

  /* What the deviation of a mean holds, and what it does not. */
  function describeMean(entry, model, add) {
    const some = (n) => (n < 10 ? plain(n, 1) : count(Math.round(n)));
    const unknown = entry.rows.length - entry.n_rates, isMoved = state.reference && state.reference.rows[entry.k];
    add("points", count(entry.rows.length) + (unknown ? `, the rate of ${count(unknown)} unknown` : ""));
    if (!Number.isFinite(entry.sigma)) return;
    const alike = !model ? "taken as the same for all, an upper bound" : model.reach > 0 ? `alike to ${far(model.reach)} (${model.basis})` : "independent";
    add("σ holds", `errors of the points, ${alike}; how they differ beyond that, ${plain(entry.excess)} mm/yr`
      + (isMoved && model ? "; the error of the reference" : ""));
    add("weighs as", `${some(entry.effective)} independent points`);
    add("σ leaves out", `what all points here share${model ? ` beyond ${far(model.reach)}` : ""}: orbits, wide atmosphere${isMoved && model ? "" : ", the error of the reference"}; motion across the line of sight`);
  }

  const far = (metres) => (metres >= 1000 ? `${plain(metres / 1000, metres < 10000 ? 1 : 0)} km` : `${plain(metres, 0)} m`);

  function lengthy(name, text) {
    const details = make("details", null, { className: "note" });
    details.append(make("summary", name), make("p", text));
    return details;
  }

  function saveSeries() {
    const rows = ["series,track,date,displacement_mm,standard_deviation_mm"];
    const decimal = (v) => (Number.isFinite(v) ? v.toFixed(2) : "");
    for (const e of state.entries) {
      const label = `${S.cell(e.label)},${S.cell(state.sets[e.k].meta.name)}`;
      e.days.forEach((day, t) => rows.push([label, dateOf(day), decimal(e.values[t]), e.std ? decimal(e.std[t]) : ""].join(",")));
    }
    const link = make("a", null, { href: URL.createObjectURL(new Blob([rows.join("\n") + "\n"], { type: "text/csv" })), download: "series.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  /* ---- reference ---- */

  function pointReference({ k, row }) {
    const at = positionOf(k, row);
    const rows = state.sets.map((set) => {
      if (set.k === k) return [row];
      const found = nearest(at, NEAR_M / set.ground(at[1]), set.k);
      return found ? [found.row] : null;
    });
    return { rows, at, label: `the point chosen (${state.sets[k].meta.name} ${row})` };
  }

  function areaReference(ring) {
    const rows = state.sets.map((set) => { const r = S.rowsInside(ring, set.xy, set.visible); return r.length ? r : null; });
    const n = rows.reduce((sum, r) => sum + (r ? r.length : 0), 0);
    const at = [0, 1].map((axis) => ring.reduce((sum, p) => sum + p[axis], 0) / ring.length);
    return { rows, at, ring, label: `the mean of ${count(n)} points` };
  }

  async function referTo(reference) {
    const usable = reference && reference.rows.map((rows, k) => rows && rows.filter((i) => Number.isFinite(state.sets[k].rate[i])));
    if (reference && !usable.some((rows) => rows && rows.length)) { say("The rate there is unknown: it cannot be the reference."); return; }
    state.reference = reference && { ...reference, rows: usable.map((rows) => (rows && rows.length ? rows : null)), series: {} };
    if (reference) state.reference.rates = state.sets.map((set, k) => state.reference.rows[k] && M.rates(set, state.reference.rows[k]));
    state.sets.forEach(shiftRates);
    describeReference();
    refresh();
    await updateSeries();
    document.body.dataset.reference = String(Number(document.body.dataset.reference || 0) + 1);
  }

  function shiftRates(set) {
    const mean = state.reference && state.reference.rates[set.k];
    set.shownRate = mean ? set.rate.map((v) => v - mean.values[0]) : set.rate;
    set.shownSigma = mean && set.rho ? M.deviationsFrom(set, mean, REFERENCE_SAMPLE) : set.sigma;
  }

  const isCovarianceKnown = () => state.sets.every((set) => set.rho);

  function describeReference() {
    const { reference } = state, warnings = [];
    const datums = [...new Set(state.sets.map((s) => s.meta.datum))].join("; ");
    $("reference-text").textContent = reference ? `All rates and series are relative to ${reference.label}.` : `As computed: ${datums.replace(/\.$/, "")}.`;
    $("reference-clear").hidden = !reference;
    if (reference) {
      if (!isCovarianceKnown()) {
        warnings.push("σ is still that of the original reference: how errors are correlated is not known, so the error of the new reference is not in it.");
      } else $("reference-text").textContent += " σ holds the error of the new reference, by the correlation of errors with distance.";
      const left = state.sets.filter((s) => !reference.rows[s.k]).map((s) => s.meta.name);
      if (left.length) warnings.push(`No point of ${left.join(", ")} is there: ${left.length > 1 ? "these tracks keep" : "this track keeps"} the original reference.`);
    }
    $("reference-warning").textContent = warnings.join(" ");
    $("reference-warning").hidden = !warnings.length;
  }

  /* ---- along the line ---- */

  function profileBins() {
    const width = Number($("profile-width").value), step = Number($("profile-bin").value);
    if (!(width > 0 && step > 0)) return { error: "Width and bins must be positive." };
    const key = state.colour === "kind" ? "rate" : state.colour;
    const byBin = new Map();
    for (const set of state.sets) {
      if (!set.chainage) continue;
      const values = { rate: set.shownRate, sigma: set.shownSigma, coherence: set.coherence }[key];
      for (const i of set.visible) {
        if (!(Math.abs(set.offset[i]) <= width) || !Number.isFinite(set.chainage[i]) || !Number.isFinite(values[i])) continue;
        const b = Math.floor(set.chainage[i] / step);
        let bin = byBin.get(b);
        if (!bin) byBin.set(b, (bin = { values: [], x: 0, y: 0 }));
        bin.values.push(values[i]);
        bin.x += set.xy[2 * i];
        bin.y += set.xy[2 * i + 1];
      }
    }
    const names = [...byBin.keys()].sort((a, b) => a - b);
    if (!names.length) return { error: `No point shown lies within ${width} m of the line.` };
    const first = names[0], n = names[names.length - 1] - first + 1;
    if (n > MOST_BINS) return { error: `Bins of ${step} m would be ${count(n)}; make them longer.` };
    const bins = { key, width, step, total: 0, n_scarce: 0, at: [], median: [], low: [], high: [], n: [], place: [] };
    for (let b = first; b < first + n; b++) {
      const bin = byBin.get(b), size = bin ? bin.values.length : 0, isUsed = size >= LEAST_IN_BIN;
      if (size && !isUsed) bins.n_scarce++;
      const sorted = isUsed ? Float64Array.from(bin.values).sort() : [];
      bins.at.push(((b + 0.5) * step) / 1000);
      bins.median.push(isUsed ? S.quantile(sorted, 0.5) : null);
      bins.low.push(isUsed ? S.quantile(sorted, 0.05) : null);
      bins.high.push(isUsed ? S.quantile(sorted, 0.95) : null);
      bins.n.push(size);
      bins.place.push(size ? [bin.x / size, bin.y / size] : null);
      bins.total += size;
    }
    return bins;
  }

  function drawProfile() {
    if ($("profile").hidden) return;
    const bins = (state.bins = profileBins());
    if (bins.error) { profileChart.clear(); $("profile-note").textContent = bins.error; return; }
    const label = { rate: "rate, mm/yr", sigma: "σ of the rate, mm/yr", coherence: "coherence" }[bins.key];
    profileChart.draw(...charts.profileOptions(bins, label, state.manifest.categories[0], onProfileCursor));
    const scarce = bins.n_scarce ? ` Bins of fewer than ${LEAST_IN_BIN} points (${count(bins.n_scarce)}) are left empty.` : "";
    $("profile-note").textContent = `Median of ${count(bins.total)} points shown, and the range that holds 90 % of them (not an error).${scarce}`;
  }

  function onProfileCursor(index) {
    const place = index == null || !state.bins.place ? null : state.bins.place[index];
    if (place === state.mark) return;
    state.mark = place;
    drawOverlays();
  }

  /* ---- panel ---- */

  function checkbox(parent, text, n, isOn, onChange) {
    const label = make("label"), box = make("input", null, { type: "checkbox", checked: isOn });
    box.addEventListener("change", () => { onChange(box.checked); refresh(); });
    const number = make("span", n == null ? "" : count(n), { className: "n" });
    label.append(box, make("span", text), number);
    parent.append(label);
    return { box, number };
  }

  function buildPanel() {
    const { kinds, flags } = state.manifest, { filters } = state;
    const tally = (test) => state.sets.reduce((sum, s) => { let n = 0; for (let i = 0; i < s.meta.n; i++) if (test(s, i)) n++; return sum + n; }, 0);
    for (const set of state.sets) {
      checkbox($("tracks"), set.meta.name, null, true, (on) => { set.on = on; }).number.id = `track-n-${set.k}`;
    }
    for (const kind of kinds) {
      const n = tally((s, i) => s.kind[i] === kind.value);
      if (n) checkbox($("kinds"), kind.name, n, true, (on) => filters.kinds[on ? "add" : "delete"](kind.value)).box.id = `kind-${kind.value}`;
    }
    for (const flag of flags) {
      const n = tally((s, i) => s.flags[i] & flag.bit);
      if (!n) continue;
      const name = flag.name.toLowerCase().replaceAll("_", " ");
      const { box } = checkbox($("flags"), name, n, true, (on) => { filters.flags = on ? filters.flags | flag.bit : filters.flags & ~flag.bit; });
      box.id = `flag-${flag.name}`;
      box.parentElement.title = flag.description;
    }
    if (!$("flags").querySelector("input")) $("flags").append(make("p", "no point carries a flag", { className: "note" }));
    $("profile").hidden = !state.sets.some((s) => s.chainage);
    $("sources").replaceChildren(...state.sets.map((s) => make("p", `${s.meta.name}: ${s.meta.label}, digest ${s.meta.digest || "unknown"}, `
      + `${s.meta.heading_deg == null ? "heading unknown" : `heading ${s.meta.heading_deg}°`}; reference: ${s.meta.datum}`)),
    make("p", `Made by subside ${state.manifest.version}. Nothing on this page comes from a network.`));
    bind();
  }

  function bind() {
    const { filters } = state;
    const onChange = (id, action) => $(id).addEventListener("change", action);
    const showRange = () => {
      $("colour-range").value = state.ranges[state.colour];
      $("colour-range-label").textContent = { rate: "±", sigma: "up to", coherence: "from" }[state.colour] || "";
      $("colour-unit").textContent = state.colour === "coherence" ? "" : "mm/yr";
    };
    showRange();
    onChange("colour-by", () => { state.colour = $("colour-by").value; showRange(); drawPoints(); drawProfile(); });
    onChange("colour-range", () => {
      const v = Number($("colour-range").value);
      if (state.colour === "coherence" ? v >= 0 && v < 1 : v > 0) state.ranges[state.colour] = v;
      showRange();
      drawPoints();
    });
    onChange("filter-coherence", () => { filters.coherence = Math.min(Math.max(Number($("filter-coherence").value) || 0, 0), 1); refresh(); });
    onChange("filter-sigma", () => { const v = Number($("filter-sigma").value); filters.sigma = v > 0 ? v : Infinity; refresh(); });
    onChange("profile-width", drawProfile);
    onChange("profile-bin", drawProfile);
    const onPress = (id, action) => $(id).addEventListener("click", action);
    for (const tool of ["select", "polygon", "reference"]) onPress(`tool-${tool}`, () => { setTool(tool); drawOverlays(); });
    onPress("zoom-in", () => map.zoomBy(0.7));
    onPress("zoom-out", () => map.zoomBy(-0.7));
    onPress("zoom-all", fitAll);
    onPress("series-save", saveSeries);
    onPress("series-clear", () => { state.entries = []; drawOverlays(); updateSeries(); });
    onPress("series-reference", () => {
      const last = state.entries[state.entries.length - 1];
      if (last) referTo(last.ring ? areaReference(last.ring) : pointReference({ k: last.k, row: last.rows[0] }));
    });
    onPress("reference-clear", () => referTo(null));
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && event.target !== $("map")) onKey("Escape"); });
  }

  Subside.app = { state, get map() { return map; }, get projection() { return projection; }, referTo, select, selectArea };
  start().catch(fail);
})();
