"use strict";
/* The map: points as binary attributes, overlays, scale bar, keyboard. Coordinates are metres of the local projection. */
Subside.createMap = function (element, projection, events) {
  const LARGEST_ZOOM = 4, SMALLEST_ZOOM = -16;
  const SLOW_MS = 40, WANTED_MS = 30, REST_MS = 180;
  const FLAT = { depthWriteEnabled: false, depthCompare: "always" };
  let view = { target: [0, 0, 0], zoom: -8, minZoom: SMALLEST_ZOOM, maxZoom: LARGEST_ZOOM };
  let sets = [], overlays = { lines: [], rings: [], dots: [], texts: [] };

  const raster = Subside.raster.isWanted() ? Subside.raster.create(element) : null;
  const overlay = Subside.createOverlay(element);
  let isDue = false, isOverlayDue = false, rest = 0;

  const instance = new deck.Deck({
    parent: element,
    views: new deck.OrthographicView({ id: "map", flipY: false,
      controller: { doubleClickZoom: false, keyboard: false, dragRotate: false, inertia: 200 } }),
    viewState: view,
    useDevicePixels: Math.min(window.devicePixelRatio || 1, 2),
    getCursor: ({ isDragging }) => (isDragging ? "grabbing" : "crosshair"),
    onViewStateChange: ({ viewState }) => moveTo(viewState),
    onClick: (info, event) => events.onClick(unproject(info.x, info.y), Boolean(event.srcEvent && event.srcEvent.shiftKey)),
    onHover: (info) => events.onHover(info.x == null || info.x < 0 ? null : unproject(info.x, info.y)),
    onResize: () => moveTo(view),
    onError: (error) => events.onError(error),
  });

  const scalar = (zoom) => (Array.isArray(zoom) ? zoom[0] : zoom);
  const metresPerPixel = () => 2 ** -view.zoom;

  function moveTo(next) {
    const zoom = Math.min(Math.max(scalar(next.zoom), SMALLEST_ZOOM), LARGEST_ZOOM);
    const isZoomed = zoom !== view.zoom;
    view = { target: [next.target[0], next.target[1], 0], zoom, minZoom: SMALLEST_ZOOM, maxZoom: LARGEST_ZOOM };
    instance.setProps(isZoomed && !raster ? { viewState: view, layers: pointLayers() } : { viewState: view });
    drawRaster();
    drawOverlay();
    drawScale();
    events.onMove();
  }

  const size = () => [element.clientWidth, element.clientHeight];

  function unproject(px, py) {
    const [w, h] = size(), m = metresPerPixel();
    return [view.target[0] + (px - w / 2) * m, view.target[1] - (py - h / 2) * m];
  }

  function project(x, y) {
    const [w, h] = size(), m = metresPerPixel();
    return [w / 2 + (x - view.target[0]) / m, h / 2 - (y - view.target[1]) / m];
  }

  function fit([x0, y0, x1, y1]) {
    const [w, h] = size();
    const perPixel = Math.max((x1 - x0) / Math.max(w - 60, 60), (y1 - y0) / Math.max(h - 110, 60), 0.5);
    moveTo({ target: [(x0 + x1) / 2, (y0 + y1) / 2, 0], zoom: -Math.log2(perPixel) });
  }

  function radius(n) {
    const least = n > 300000 ? 1.2 : n > 30000 ? 1.8 : 2.6;
    return Math.min(Math.max(9 / metresPerPixel(), least), 7);
  }

  /* While the map moves, so many points are drawn that a frame stays short; all of them when it rests. */
  function drawRaster() {
    if (!raster) return;
    clearTimeout(rest);
    const stride = raster.milliseconds > SLOW_MS ? Math.ceil(raster.milliseconds / WANTED_MS) : 1;
    if (stride > 1) rest = setTimeout(() => raster.draw(sets, view, radius, 1), REST_MS);
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => { isDue = false; raster.draw(sets, view, radius, stride); });
  }

  function pointLayers() {
    if (raster) return [];
    return sets.map((s, k) => new deck.ScatterplotLayer({
      id: `points-${k}`,
      data: s.data,
      getRadius: 1, radiusUnits: "pixels", radiusScale: radius(s.n),
      stroked: false, parameters: FLAT,
    }));
  }

  function drawOverlay() {
    if (isOverlayDue) return;
    isOverlayDue = true;
    requestAnimationFrame(() => { isOverlayDue = false; overlay.draw(overlays, project); });
  }

  function drawScale() {
    const m = metresPerPixel() * projection.ground(view.target[1]);
    const wanted = m * Math.min(140, element.clientWidth / 4);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].map((f) => f * power).find((v) => v <= wanted);
    element.querySelector("#scale-bar").style.width = `${length / m}px`;
    element.querySelector("#scale-text").textContent =
      length >= 1000 ? `${length / 1000} km` : length >= 1 ? `${length} m` : `${length * 100} cm`;
  }

  function zoomBy(step) { moveTo({ target: view.target, zoom: view.zoom + step }); }

  element.addEventListener("keydown", (event) => {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const [w, h] = size(), m = metresPerPixel() * 0.12, [x, y] = view.target;
    const moves = { ArrowLeft: [-w * m, 0], ArrowRight: [w * m, 0], ArrowUp: [0, h * m], ArrowDown: [0, -h * m] };
    if (moves[event.key]) moveTo({ target: [x + moves[event.key][0], y + moves[event.key][1], 0], zoom: view.zoom });
    else if (event.key === "+" || event.key === "=") zoomBy(0.5);
    else if (event.key === "-" || event.key === "_") zoomBy(-0.5);
    else if (!events.onKey(event.key, [x, y], event.shiftKey)) return;
    event.preventDefault();
  });
  element.addEventListener("dblclick", (event) => { if (!event.target.closest("button")) events.onKey("double", null, false); });

  return {
    fit, project, unproject, moveTo, zoomBy, metresPerPixel,
    /* next: {positions, colours, n} a set. */
    setPoints(next) {
      sets = next.map((s) => ({ ...s, data: { length: s.n, attributes: { getPosition: { value: s.positions, size: 3 },
        getFillColor: { value: s.colours, size: 4 } } } }));
      if (raster) raster.draw(sets, view, radius, 1);
      else instance.setProps({ layers: pointLayers() });
    },
    setOverlays(next) { overlays = next; drawOverlay(); },
    get view() { return view; },
    get centre() { return [view.target[0], view.target[1]]; },
    get deck() { return instance; },
    get raster() { return raster; },
  };
};
