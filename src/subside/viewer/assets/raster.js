"use strict";
/* Points drawn by the processor, where there is no graphics hardware: a disc of pixels a point, some 20 ns each. */
Subside.raster = (function () {
  const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

  /* Which way to draw: `?draw=processor` or `?draw=hardware` in the address wins. */
  function isWanted() {
    const asked = new URLSearchParams(location.search).get("draw");
    if (asked) return asked === "processor";
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) return true;
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return SOFTWARE.test(name);
  }

  /* Rows of a disc as [dy, dx of the first pixel, dx after the last]. */
  function disc(radius) {
    const rows = [], reach = Math.ceil(radius);
    if (radius <= 1.3) return [[0, 0, 2], [1, 0, 2]];
    for (let dy = -reach; dy <= reach; dy++) {
      const half = Math.sqrt(Math.max(radius * radius - dy * dy, -1));
      if (half === half && half >= 0.5) rows.push([dy, -Math.round(half - 0.25), Math.round(half - 0.25) + 1]);
    }
    return rows;
  }

  function create(element) {
    const canvas = document.createElement("canvas");
    canvas.id = "points";
    canvas.setAttribute("aria-hidden", "true");
    element.prepend(canvas);
    const context = canvas.getContext("2d");
    let image = null, pixels = null, last = 0;

    function resize() {
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const w = Math.max(Math.round(element.clientWidth * ratio), 1), h = Math.max(Math.round(element.clientHeight * ratio), 1);
      if (image && canvas.width === w && canvas.height === h) return ratio;
      canvas.width = w;
      canvas.height = h;
      image = context.createImageData(w, h);
      pixels = new Uint32Array(image.data.buffer);
      return ratio;
    }

    /* sets: {positions (x, y, z), colours (RGBA bytes), n}; every `stride`-th point is drawn. */
    function draw(sets, view, radius, stride) {
      const started = performance.now(), ratio = resize(), w = canvas.width, h = canvas.height;
      const scale = 2 ** view.zoom * ratio, x0 = view.target[0] - w / 2 / scale, y0 = view.target[1] + h / 2 / scale;
      pixels.fill(0);
      for (const set of sets) {
        const rows = disc(radius(set.n) * ratio), nRows = rows.length, margin = rows[nRows - 1][0] + 1;
        const offset = Int32Array.from(rows, (r) => r[0] * w + r[1]), length = Int32Array.from(rows, (r) => r[2] - r[1]);
        const { positions, n } = set, words = new Uint32Array(set.colours.buffer);
        const right = w - margin, bottom = h - margin;
        for (let j = 0; j < n; j += stride) {
          const px = (positions[3 * j] - x0) * scale, py = (y0 - positions[3 * j + 1]) * scale;
          if (px < margin || py < margin || px >= right || py >= bottom) continue;
          const at = (py | 0) * w + (px | 0), word = words[j];
          for (let r = 0; r < nRows; r++) {
            let p = at + offset[r];
            for (const end = p + length[r]; p < end; p++) pixels[p] = word;
          }
        }
      }
      context.putImageData(image, 0, 0);
      if (stride === 1) last = performance.now() - started;
    }

    return { draw, /* What drawing all points took. */
      get milliseconds() { return last; } };
  }

  return { isWanted, create };
})();
