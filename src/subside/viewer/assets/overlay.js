"use strict";
/* What lies over the points: lines with a pale casing, dots, rings and names that do not cover each other. */
Subside.createOverlay = function (element) {
  const FONT = "600 12px system-ui, 'Segoe UI', 'Liberation Sans', Arial, sans-serif";
  const canvas = document.createElement("canvas");
  canvas.id = "overlay";
  canvas.setAttribute("aria-hidden", "true");
  element.append(canvas);
  const context = canvas.getContext("2d");
  const css = (c) => `rgb(${c[0]},${c[1]},${c[2]})`;

  function trace(path, project) {
    context.beginPath();
    path.forEach((at, i) => context[i ? "lineTo" : "moveTo"](...project(...at)));
  }

  function circle(at, radius, project) {
    context.beginPath();
    context.arc(...project(...at), radius, 0, 2 * Math.PI);
  }

  function names(texts, project, w, h) {
    context.font = FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const taken = [];
    for (const { at, text } of texts) {
      const [px, py] = project(...at), half = context.measureText(text).width / 2 + 4;
      if (px < -half || py < 0 || px > w + half || py > h + 20) continue;
      const box = [px - half, py - 24, px + half, py - 8];
      if (taken.some((t) => box[0] < t[2] && box[2] > t[0] && box[1] < t[3] && box[3] > t[1])) continue;
      taken.push(box);
      context.fillStyle = "rgba(255,255,255,.82)";
      context.fillRect(box[0], box[1], 2 * half, 16);
      context.fillStyle = "#14181e";
      context.fillText(text, px, py - 15.5);
    }
  }

  function draw({ lines, dots, rings, texts }, project) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2), w = element.clientWidth, h = element.clientHeight;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, w, h);
    context.lineJoin = context.lineCap = "round";
    for (const line of lines) {
      trace(line.path, project);
      context.strokeStyle = "rgba(255,255,255,.85)";
      context.lineWidth = line.width + 2.5;
      context.stroke();
      context.strokeStyle = css(line.colour);
      context.lineWidth = line.width;
      context.stroke();
    }
    for (const dot of dots) {
      circle(dot.at, dot.radius, project);
      context.fillStyle = css(dot.colour);
      context.fill();
      context.strokeStyle = "#fff";
      context.lineWidth = 1.5;
      context.stroke();
    }
    for (const ring of rings) {
      circle(ring.at, ring.radius, project);
      context.strokeStyle = css(ring.colour);
      context.lineWidth = 3;
      context.stroke();
    }
    names(texts, project, w, h);
  }

  return { draw };
};
