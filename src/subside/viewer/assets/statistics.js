"use strict";
/* Numbers without a page: projection, polygons, means and their variance. */
window.Subside = window.Subside || {};
Subside.statistics = (function () {
  const RADIANS = Math.PI / 180;
  const LARGEST_SAMPLE = 700;
  const TABLE = 2048;

  /* Local Mercator, true to scale at the origin; the inverse of Origin.project. */
  function projection(origin, radius) {
    const [lon0, lat0] = origin;
    const scale = radius * Math.cos(lat0 * RADIANS);
    const psi0 = Math.atanh(Math.sin(lat0 * RADIANS));
    return {
      forward(lon, lat) {
        const east = ((lon - lon0 + 540) % 360) - 180;
        return [scale * east * RADIANS, scale * (Math.atanh(Math.sin(lat * RADIANS)) - psi0)];
      },
      inverse(x, y) {
        return [lon0 + x / scale / RADIANS, Math.asin(Math.tanh(y / scale + psi0)) / RADIANS];
      },
      /* Metres on the ground in a metre of the map. */
      ground(y) {
        return Math.cos(this.inverse(0, y)[1] * RADIANS) / Math.cos(lat0 * RADIANS);
      },
    };
  }

  function isInside(ring, x, y) {
    let inside = false;
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [xi, yi] = ring[i], [xj, yj] = ring[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  }

  function rowsInside(ring, xy, rows) {
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    for (const [x, y] of ring) {
      x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y);
    }
    const found = [];
    for (const row of rows) {
      const x = xy[2 * row], y = xy[2 * row + 1];
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && isInside(ring, x, y)) found.push(row);
    }
    return found;
  }

  function quantile(sorted, q) {
    if (!sorted.length) return NaN;
    const at = (sorted.length - 1) * q, low = Math.floor(at), high = Math.ceil(at);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
  }

  /* Correlation of two different points: sum_k sqrt(a_ki a_kj) exp(-h / L_k), tabulated over sqrt(h). */
  function correlation(model) {
    if (!model) return null;
    const n = model.shares.length;
    const farthest = 12 * Math.max(...model.lengths);
    const tables = [];
    for (let a = 0; a < n; a++) {
      for (let b = 0; b < n; b++) {
        const table = new Float32Array(TABLE + 2);
        for (let i = 0; i <= TABLE; i++) {
          const h = farthest * (i / TABLE) ** 2;
          table[i] = model.lengths.reduce(
            (sum, length, k) => sum + Math.sqrt(model.shares[a][k] * model.shares[b][k]) * Math.exp(-h / length), 0);
        }
        tables.push(table);
      }
    }
    return function (h, a, b) {
      const at = Math.sqrt(h / farthest) * TABLE;
      if (!(at < TABLE)) return 0;
      const table = tables[a * n + b], low = Math.floor(at);
      return table[low] + (table[low + 1] - table[low]) * (at - low);
    };
  }

  /* Whether two sides of a ring cross. */
  function isCrossing(ring) {
    const n = ring.length;
    const turn = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
    for (let i = 0; i < n; i++) {
      for (let j = i + 2; j < n; j++) {
        if (i === 0 && j === n - 1) continue;
        const [a, b, c, d] = [ring[i], ring[i + 1], ring[j], ring[(j + 1) % n]];
        if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return true;
      }
    }
    return false;
  }

  /* Places of at most `largest` items spread evenly over `n`. */
  function spread(n, largest) {
    const length = Math.min(n, largest);
    return Int32Array.from({ length }, (_, i) => Math.floor((i * n) / length));
  }

  const thinned = (rows, largest) => (rows.length <= largest ? rows : Array.from(spread(rows.length, largest), (i) => rows[i]));

  /* Rows of at most `mostBlocks` blocks of `blockRows` points, blocks and rows spread evenly. */
  function thinnedByBlocks(rows, blockRows, mostBlocks, mostRows) {
    const touched = [...new Set(rows.map((row) => Math.floor(row / blockRows)))];
    if (touched.length <= mostBlocks) return thinned(rows, mostRows);
    const kept = new Set(thinned(touched, mostBlocks));
    return thinned(rows.filter((row) => kept.has(Math.floor(row / blockRows))), mostRows);
  }

  /* A cell of a table that no spreadsheet takes for a formula. */
  function cell(text) {
    return `"${(/^\s*[=+\-@]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  }

  function between(set, rho, i, j) {
    if (i === j) return 1;
    const dx = set.xy[2 * i] - set.xy[2 * j], y = set.xy[2 * i + 1], dy = y - set.xy[2 * j + 1];
    return rho(Math.hypot(dx, dy) * set.ground(y), set.kind[i], set.kind[j]);
  }

  /* Mean covariance of the points of two lists, by column of their deviations (a Map of row to Float32Array). */
  function meanCovariance(set, rho, first, second, std, width) {
    const a = thinned(first, LARGEST_SAMPLE), b = thinned(second, LARGEST_SAMPLE);
    const isSame = first === second;
    const sum = new Float64Array(width), n = new Float64Array(width);
    for (const i of a) {
      const si = std(i);
      for (const j of b) {
        if (isSame && i === j) continue;
        const r = between(set, rho, i, j), sj = std(j);
        for (let t = 0; t < width; t++) {
          const product = si[t] * sj[t] * r;
          if (product === product) { sum[t] += product; n[t] += 1; }
        }
      }
    }
    return sum.map((s, t) => (n[t] ? s / n[t] : 0));
  }

  /* Variance of the plain mean: sum s^2 / n^2 + (1 - 1/n) times the mean covariance of two different points. */
  function varianceOfMean(set, rho, rows, std, width) {
    const squares = new Float64Array(width), n = new Float64Array(width);
    for (const i of rows) {
      const s = std(i);
      for (let t = 0; t < width; t++) if (s[t] === s[t]) { squares[t] += s[t] * s[t]; n[t] += 1; }
    }
    const off = rows.length > 1 ? meanCovariance(set, rho, rows, rows, std, width) : new Float64Array(width);
    return squares.map((q, t) => (n[t] ? q / n[t] ** 2 + (1 - 1 / n[t]) * off[t] : NaN));
  }

  /* Deviation of mean(rows) - mean(reference); without a model the mean deviation of the rows, an upper bound. */
  function deviation(set, rows, reference, std, width) {
    if (!set.rho) {
      const sum = new Float64Array(width), n = new Float64Array(width);
      for (const i of rows) {
        const s = std(i);
        for (let t = 0; t < width; t++) if (s[t] === s[t]) { sum[t] += s[t]; n[t] += 1; }
      }
      return sum.map((s, t) => (n[t] ? s / n[t] : NaN));
    }
    const own = varianceOfMean(set, set.rho, rows, std, width);
    if (!reference || !reference.length) return own.map(Math.sqrt);
    const theirs = varianceOfMean(set, set.rho, reference, std, width);
    const shared = meanCovariance(set, set.rho, rows, reference.slice(), std, width);
    return own.map((v, t) => Math.sqrt(Math.max(v + theirs[t] - 2 * shared[t], 0)));
  }

  function meanOf(rows, read, width) {
    const sum = new Float64Array(width), n = new Float64Array(width);
    for (const i of rows) {
      const values = read(i);
      for (let t = 0; t < width; t++) if (values[t] === values[t]) { sum[t] += values[t]; n[t] += 1; }
    }
    return sum.map((s, t) => (n[t] ? s / n[t] : NaN));
  }

  function bytes(text) {
    const raw = atob(text), result = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) result[i] = raw.charCodeAt(i);
    return result;
  }

  return { projection, rowsInside, quantile, isCrossing, spread, thinned, thinnedByBlocks, cell, correlation, between, deviation, meanOf, bytes };
})();
