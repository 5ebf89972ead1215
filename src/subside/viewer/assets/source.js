"use strict";
/* Where numbers come from: a server on this machine, or scripts beside a page opened from disk. */
Subside.source = (function () {
  const BLOCKS_KEPT = 400;
  const TYPES = { "<f4": Float32Array, "|u1": Uint8Array, "<i4": Int32Array };
  const GAP = -32768, STD_GAP = 255;
  const CHANGED = "the project changed; reload the page";
  const waiting = new Map();
  let token = "";

  window.subsidePut = function (key, content) {
    if (waiting.has(key)) waiting.get(key)(content);
  };

  /* A script gives its content under a key that ends with the token of the data it belongs to. */
  function script(path, key) {
    return new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      const leave = () => { waiting.delete(key); tag.remove(); };
      waiting.set(key, (content) => { leave(); resolve(content); });
      tag.src = path;
      tag.onload = () => { if (waiting.has(key)) { leave(); reject(new Error(CHANGED)); } };
      tag.onerror = () => { leave(); reject(new Error(`${path} is missing`)); };
      document.head.append(tag);
    });
  }

  async function get(path) {
    const answer = await fetch(token ? `${path}?v=${token}` : path);
    if (answer.ok) return answer;
    const text = (await answer.text()).trim().slice(0, 200);
    throw Object.assign(new Error(answer.status === 409 ? text : `${path}: ${answer.status} ${text}`), { status: answer.status });
  }

  function unpack(packed, step, gap) {
    const result = new Float32Array(packed.length);
    for (let i = 0; i < packed.length; i++) result[i] = packed[i] === gap ? NaN : packed[i] * step;
    return result;
  }

  const served = {
    manifest: async () => (await get("data/manifest.json")).json(),
    column: async (k, name, type) => new TYPES[type](await (await get(`data/${k}/${name}.bin`)).arrayBuffer()),
    async block(k, b, meta, rows) {
      const all = new Float32Array(await (await get(`data/${k}/block/${b}.bin`)).arrayBuffer());
      const n = rows * meta.days.length;
      return { displacement: all.subarray(0, n), std: meta.has_std ? all.subarray(n) : null };
    },
    names: async (k, b) => (await get(`data/${k}/block/${b}.json`)).json(),
  };

  const fromScripts = {
    manifest: () => script("data/manifest.js", "manifest"),
    async column(k, name, type) {
      const content = Subside.statistics.bytes(await script(`data/${k}/${name}.js`, `${k}/${name}@${token}`));
      return new TYPES[type](content.buffer);
    },
    async block(k, b) {
      const found = await script(`data/${k}/block/${b}.js`, `${k}/block/${b}@${token}`);
      if (!found.displacement) return { ids: found.ids };
      const packed = new Int16Array(Subside.statistics.bytes(found.displacement).buffer);
      return {
        ids: found.ids,
        displacement: unpack(packed, found.step, GAP),
        std: found.std ? unpack(Subside.statistics.bytes(found.std), found.std_step, STD_GAP) : null,
      };
    },
  };

  let chosen = served;
  const blocks = new Map();

  async function manifest() {
    const found = await anyManifest();
    token = found.token;
    return found;
  }

  async function anyManifest() {
    if (location.protocol !== "file:") {
      try {
        return await served.manifest();
      } catch (error) {
        if (error.status && error.status !== 404) throw error;
        /* a folder of scripts behind some server */
      }
    }
    chosen = fromScripts;
    return fromScripts.manifest();
  }

  function block(k, b, meta, rowsOf) {
    const key = `${k}/${b}`;
    let found = blocks.get(key);
    if (found) blocks.delete(key);
    else {
      found = chosen.block(k, b, meta, Math.min(rowsOf, meta.n - b * rowsOf));
      found.catch(() => blocks.delete(key));
    }
    blocks.set(key, found);
    if (blocks.size > BLOCKS_KEPT) blocks.delete(blocks.keys().next().value);
    return found;
  }

  /* Rows of series as Maps of row to Float32Array. */
  async function series(k, meta, rowsOf, rows) {
    const displacement = new Map(), std = new Map();
    if (!meta.n_blocks) return { displacement, std };
    const width = meta.days.length;
    const byBlock = new Map();
    for (const row of rows) {
      const b = Math.floor(row / rowsOf);
      if (!byBlock.has(b)) byBlock.set(b, []);
      byBlock.get(b).push(row);
    }
    const wanted = [...byBlock.keys()];
    for (let start = 0; start < wanted.length; start += 6) {
      await Promise.all(wanted.slice(start, start + 6).map(async (b) => {
        const found = await block(k, b, meta, rowsOf);
        for (const row of byBlock.get(b)) {
          const at = (row - b * rowsOf) * width;
          displacement.set(row, found.displacement.slice(at, at + width));
          if (found.std) std.set(row, found.std.slice(at, at + width));
        }
      }));
    }
    return { displacement, std };
  }

  async function name(k, meta, rowsOf, row) {
    const b = Math.floor(row / rowsOf);
    const ids = chosen === served ? await served.names(k, b) : (await block(k, b, meta, rowsOf)).ids;
    return ids[row - b * rowsOf];
  }

  return { manifest, column: (k, n, type) => chosen.column(k, n, type), series, name };
})();
