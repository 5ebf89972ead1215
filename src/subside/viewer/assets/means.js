"use strict";
/* Huber means of points whose errors are correlated: the rule of `robust_mean` and `mean_series`. */
Subside.means = (function () {
  const HUBER = 1.345, MAD = 1.4826, ITERATIONS = 20, TOLERANCE = 1e-9;
  const MOST_RATES_PAIRED = 2000, MOST_SERIES_PAIRED = 1000, MOST_EXACT = 1000, TABLE = 2048;
  const S = Subside.statistics;

  /* Correlation of two different points, sum_k sqrt(a_ki a_kj) exp(-h / L_k); `quick` is the same tabulated over sqrt(h). */
  function correlation(model) {
    if (!model) return null;
    const { lengths, shares } = model, n = shares.length;
    const amplitude = shares.map((a) => shares.map((b) => lengths.map((_, k) => Math.sqrt(a[k] * b[k]))));
    function exact(h, a, b) {
      const part = amplitude[a][b];
      let sum = 0;
      for (let k = 0; k < part.length; k++) if (part[k] > 0) sum += part[k] * Math.exp(-h / lengths[k]);
      return sum;
    }
    const farthest = 12 * Math.max(...lengths);
    const tables = Array.from({ length: n * n }, (_, ab) =>
      Float32Array.from({ length: TABLE + 2 }, (_, i) => exact(farthest * (i / TABLE) ** 2, Math.floor(ab / n), ab % n)));
    function quick(h, a, b) {
      const at = Math.sqrt(h / farthest) * TABLE;
      if (!(at < TABLE)) return 0;
      const table = tables[a * n + b], low = Math.floor(at);
      return table[low] + (table[low + 1] - table[low]) * (at - low);
    }
    return { exact, quick };
  }

  const correlations = (model) => model && { ofRates: correlation(model), ofDates: correlation({ lengths: model.lengths, shares: model.shares_of_dates }) };

  /* Metres on the ground from one point to another, by the scale midway. */
  function distance(set, i, j) {
    const { xy } = set, y = xy[2 * i + 1], yj = xy[2 * j + 1];
    const dx = xy[2 * i] - xy[2 * j], dy = y - yj;
    return Math.sqrt(dx * dx + dy * dy) * set.ground((y + yj) / 2);
  }

  const rhoOf = (set, isSeries) => set.rho && (isSeries ? set.rho.ofDates : set.rho.ofRates);

  /* Correlations of the points of two lists, of some spread evenly where they are long; 1 where none is known. */
  function paired(set, first, second, isSeries) {
    const most = isSeries ? MOST_SERIES_PAIRED : MOST_RATES_PAIRED, known = rhoOf(set, isSeries);
    const a = S.spread(first.length, most), b = S.spread(second.length, most), isSelf = first === second;
    const correlate = known && (Math.max(a.length, b.length) <= MOST_EXACT ? known.exact : known.quick);
    const between = (i, j) => (i === j || !known ? 1 : correlate(distance(set, i, j), set.kind[i], set.kind[j]));
    const rho = new Float64Array(a.length * b.length), width = b.length;
    for (let p = 0; p < a.length; p++) {
      for (let q = isSelf ? p : 0; q < width; q++) {
        rho[p * width + q] = between(first[a[p]], second[b[q]]);
        if (isSelf) rho[q * width + p] = rho[p * width + q];
      }
    }
    return { a, b, rho, isSame: (p, q) => first[p] === second[q] };
  }

  function median(values) {
    const sorted = Float64Array.from(values).sort();
    return S.quantile(sorted, 0.5);
  }

  /* Weighted mean of s_i s_j rho_ij over pairs of different points; 0 where there is no pair. */
  function shared({ a, rho }, weights, std) {
    const n = a.length, w = Float64Array.from(a, (i) => (std[i] === std[i] ? (weights ? weights[i] : 1) : 0));
    const ws = Float64Array.from(a, (i, p) => (w[p] ? w[p] * std[i] : 0));
    let sum = 0, total = 0;
    for (let p = 0; p < n; p++) {
      if (!w[p]) continue;
      let part = 0, weight = 0;
      for (let q = p + 1; q < n; q++) { part += ws[q] * rho[p * n + q]; weight += w[q]; }
      sum += ws[p] * part;
      total += w[p] * weight;
    }
    return total > 0 ? sum / total : 0;
  }

  /* Huber mean of values (NaN is unknown) with deviations (0 is unknown); `pairs` are of the list with itself. */
  function robust(values, std, pairs) {
    const rows = [];
    for (let i = 0; i < values.length; i++) if (values[i] === values[i]) rows.push(i);
    const n = rows.length, weights = new Float64Array(values.length);
    if (!n) return { mean: NaN, variance: NaN, effective: NaN, excess: NaN, weights, n };
    const known = std.map((s, i) => (values[i] === values[i] ? s : NaN));
    let squares = 0;
    for (const i of rows) squares += std[i] * std[i];
    const within = Math.max(squares / n - (n > 1 ? shared(pairs, null, known) : 0), 0);
    const used = Float64Array.from(rows, (i) => values[i]);
    let centre = median(used);
    const scatter = MAD * median(used.map((v) => Math.abs(v - centre))) * (n > 1 ? n / (n - 0.8) : 1);
    const excess2 = n > 2 ? Math.max(scatter * scatter - within, 0) : 0;
    let smallest = Infinity;
    for (const i of rows) smallest = Math.min(smallest, std[i] * std[i] + excess2);
    for (let turn = 0; turn < ITERATIONS; turn++) {
      let sum = 0, moved = 0;
      for (const i of rows) {
        const variance = std[i] * std[i] + excess2 || 1, z = Math.abs(values[i] - centre) / Math.sqrt(variance);
        weights[i] = Math.min(1, HUBER / Math.max(z, 1e-12)) / variance;
        sum += weights[i];
      }
      for (const i of rows) { weights[i] /= sum; moved += weights[i] * values[i]; }
      const isStill = Math.abs(moved - centre) <= TOLERANCE * Math.sqrt(smallest);
      centre = moved;
      if (isStill) break;
    }
    let own = 0, weight2 = 0;
    for (const i of rows) { own += (weights[i] * std[i]) ** 2; weight2 += weights[i] ** 2; }
    const variance = own + excess2 * weight2 + (n > 1 ? (1 - weight2) * shared(pairs, weights, known) : 0);
    return { mean: centre, variance, effective: (squares / n + excess2) / variance, excess: Math.sqrt(excess2), weights, n };
  }

  /* Covariance of two means; points in both (`same`, pairs of places) share all of their error and scatter. */
  function covariance({ a, b, rho, isSame }, same, first, second, firstStd, secondStd) {
    let own = 0, ownWeight = 0, sum = 0, total = 0, at = 0;
    for (const [i, j] of same) {
      const w = first.weights[i] * second.weights[j], c = firstStd[i] * secondStd[j];
      if (!w || c !== c) continue;
      own += w * (c + first.excess * second.excess);
      ownWeight += w;
    }
    for (const i of a) {
      for (const j of b) {
        const w = first.weights[i] * second.weights[j], c = firstStd[i] * secondStd[j] * rho[at++];
        if (!w || c !== c || isSame(i, j)) continue;
        sum += w * c;
        total += w;
      }
    }
    return own + (total > 0 ? (1 - ownWeight) * (sum / total) : 0);
  }

  function common(first, second) {
    const place = new Map(second.map((row, j) => [row, j]));
    return first.flatMap((row, i) => (place.has(row) ? [[i, place.get(row)]] : []));
  }

  /* Deviations that are positive everywhere: what is unknown or zero takes the median of the others, 0 where none is known. */
  function filled(std) {
    const known = [];
    for (const column of std) for (const s of column) if (s > 0 && s < Infinity) known.push(s);
    const typical = known.length ? median(known) : 0;
    return { std: std.map((column) => column.map((s) => (s > 0 && s < Infinity ? s : typical))), isKnown: known.length > 0 };
  }

  /* Means of values[column][row]; series are brought to zero mean one by one, and their mean starts at zero. */
  function columns(set, rows, values, std, isSeries) {
    const isMean = isSeries && rows.length > 1, isRaw = isSeries && rows.length === 1;
    const pairs = paired(set, rows, rows, isSeries), { std: positive, isKnown } = filled(std), used = isRaw ? std : positive;
    const results = (isMean ? levelled(values) : values).map((column, t) => robust(column, used[t], pairs));
    const first = isMean ? results.findIndex((r) => r.n) : -1;
    const zero = first < 0 ? 0 : results[first].mean;
    return { rows, results, first, isKnown, isSeries, std: used, values: results.map((r) => r.mean - zero) };
  }

  function levelled(values) {
    const n = values.length ? values[0].length : 0, sum = new Float64Array(n), known = new Float64Array(n);
    for (const column of values) column.forEach((v, i) => { if (v === v) { sum[i] += v; known[i] += 1; } });
    return values.map((column) => column.map((v, i) => v - sum[i] / known[i]));
  }

  /* Means minus those of a reference, if there is one. */
  const difference = (own, reference) => (reference ? own.values.map((v, t) => v - reference.values[t]) : own.values);

  /* Deviation by column of a mean, or of its difference from a reference where the correlation is known. */
  function deviations(set, own, reference) {
    if (!own.isKnown) return own.results.map(() => NaN);
    const variance = (of, t) => (t === of.first ? 0 : of.results[t].variance);
    if (!reference || !set.rho) return own.results.map((_, t) => Math.sqrt(variance(own, t)));
    const pairs = paired(set, own.rows, reference.rows, own.isSeries), same = common(own.rows, reference.rows);
    return own.results.map((r, t) => {
      const v = variance(own, t), w = variance(reference, t);
      const shares = v && w ? covariance(pairs, same, r, reference.results[t], own.std[t], reference.std[t]) : 0;
      return Math.sqrt(Math.max(v + w - 2 * shares, 0));
    });
  }

  /* Mean rate of some points. */
  function rates(set, rows) {
    const take = (column) => Float64Array.from(rows, (i) => column[i]);
    return columns(set, rows, [take(set.rate)], [take(set.sigma)], false);
  }

  /* Mean series of some points from Maps of row to values by date. */
  function series(set, rows, { displacement, std }) {
    const take = (of, t) => Float64Array.from(rows, (i) => (of.has(i) ? of.get(i)[t] : NaN));
    const dates = Array.from(set.meta.days.keys());
    return columns(set, rows, dates.map((t) => take(displacement, t)), dates.map((t) => take(std, t)), true);
  }

  /* Deviation of the rate of every point minus a mean, whose points are sampled. */
  function deviationsFrom(set, reference, mostSampled) {
    const [{ variance, weights }] = reference.results, [std] = reference.std, known = rhoOf(set, false).quick;
    const sample = Array.from(S.spread(reference.rows.length, mostSampled)).filter((p) => weights[p] > 0);
    const total = sample.reduce((sum, p) => sum + weights[p], 0), scale = sample.map((p) => set.ground(set.xy[2 * reference.rows[p] + 1]));
    const { xy, kind } = set;
    return set.sigma.map((s, i) => {
      let shared = 0;
      for (let n = 0; n < sample.length; n++) {
        const p = sample[n], j = reference.rows[p];
        const dx = xy[2 * i] - xy[2 * j], dy = xy[2 * i + 1] - xy[2 * j + 1], h = Math.sqrt(dx * dx + dy * dy) * scale[n];
        shared += weights[p] * std[p] * (i === j ? 1 : known(h, kind[i], kind[j]));
      }
      return Math.sqrt(Math.max(s * s + variance - (2 * s * shared) / total, 0));
    });
  }

  return { correlations, rates, series, difference, deviations, deviationsFrom };
})();
