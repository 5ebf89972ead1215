"use strict";
/* Numbers without a page: projection, polygons, quantiles, samples. */
window.Subside = window.Subside || {};
Subside.statistics = (function () {
  const RADIANS = Math.PI / 180;

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
        return 1 / (Math.cosh(y / scale + psi0) * Math.cos(lat0 * RADIANS));
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

  function bytes(text) {
    const raw = atob(text), result = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) result[i] = raw.charCodeAt(i);
    return result;
  }

  return { projection, rowsInside, quantile, isCrossing, spread, thinned, thinnedByBlocks, cell, bytes };
})();
