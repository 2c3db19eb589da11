// The map of the texts: points in WebGL2, or in a 2-D canvas where there is none.

const PALETTE = [
  "#3b73c4",
  "#d9822b",
  "#4a9a5d",
  "#b8519e",
  "#8a6d3b",
  "#c8504b",
  "#3a9ea5",
  "#7d62c4",
  "#a3a13a",
  "#e07fa8",
];
const GREY = "#8b8b88";

function classColours(classes) {
  // the largest classes have a colour of their own
  const out = classes.name.map(() => GREY);
  const largest = classes.rows
    .map((_, i) => i)
    .sort((a, b) => classes.rows[b] - classes.rows[a] || a - b)
    .slice(0, PALETTE.length);
  largest
    .sort((a, b) => a - b)
    .forEach((c, i) => {
      out[c] = PALETTE[i];
    });
  return out;
}
const rgb = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255);

function makeMap(xy, rows, colours, label, onlasso, onpick) {
  const n = rows.n,
    state = new Uint8Array(n).fill(1); // 0 set back, 1 shown
  const canvas = el("canvas", {
    class: "map",
    tabindex: 0,
    role: "img",
    "aria-label":
      "Map of the texts. Near points have similar texts. The table of rows below shows the same rows.",
  });
  const over = el("canvas", { class: "map over", "aria-hidden": "true" });
  const tip = el("div", { class: "tip", hidden: true });
  const box = el("div", { class: "mapbox" }, canvas, over, tip);
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, preserveDrawingBuffer: true });
  let zoom = 1,
    cx = 0.5,
    cy = 0.5,
    path = null,
    current = NONE,
    asked = 0,
    drawing = false; // a finger draws a loop; else it scrolls the page
  const draw = gl ? drawerGL(gl) : drawer2D();
  const size = () => [box.clientWidth, box.clientHeight];
  const scale = () => {
    const [w, h] = size();
    return [Math.max(w, 1) * zoom, Math.max(h, 1) * zoom];
  };
  const place = (i) => {
    const [w, h] = size(),
      [sx, sy] = scale();
    return [w / 2 + (xy[2 * i] / 65535 - cx) * sx, h / 2 - (xy[2 * i + 1] / 65535 - cy) * sy];
  };

  function drawerGL() {
    const shader = (type, source) => {
      const s = gl.createShader(type);
      gl.shaderSource(s, source);
      gl.compileShader(s);
      return s;
    };
    const program = gl.createProgram();
    gl.attachShader(
      program,
      shader(
        gl.VERTEX_SHADER,
        `#version 300 es
      in vec2 at; in vec3 colour; in vec2 mark; uniform vec4 see; uniform float dot; uniform float layer; out vec4 fill; out float ring;
      void main() { vec2 q = (at - see.xy) * see.z * 2.0; bool wanted = layer < 0.5 ? mark.x < 0.5 : layer < 1.5 ? (mark.x > 0.5 && mark.y < 0.5) : (mark.x > 0.5 && mark.y > 0.5);
        gl_Position = wanted ? vec4(q, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
        ring = mark.x > 0.5 ? mark.y : 0.0; gl_PointSize = dot * (ring > 0.5 ? 2.1 : mark.x > 0.5 ? 1.0 : 0.7); fill = vec4(colour, mark.x > 0.5 ? 0.85 : 0.12); }`,
      ),
    );
    gl.attachShader(
      program,
      shader(
        gl.FRAGMENT_SHADER,
        `#version 300 es
      precision mediump float; in vec4 fill; in float ring; uniform vec3 flag; out vec4 o;
      void main() { float r = length(gl_PointCoord - 0.5) * 2.0; if (r > 1.0) discard;
        if (ring > 0.5) { if (r > 0.74) o = vec4(flag, 0.95); else if (r < 0.5) o = fill; else discard; } else o = fill; o.rgb *= o.a; }`,
      ),
    );
    gl.linkProgram(program);
    gl.useProgram(program);
    const feed = (name, values, parts, type, whole) => {
      const at = gl.getAttribLocation(program, name),
        buffer = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, parts, type, whole, 0, 0);
      return buffer;
    };
    const tint = new Uint8Array(3 * n),
      marks = new Uint8Array(2 * n),
      three = colours.map((c) => rgb(c).map((v) => v * 255)),
      none = rgb(GREY).map((v) => v * 255);
    for (let i = 0; i < n; i++) tint.set(rows.given[i] < 0 ? none : three[rows.given[i]], 3 * i);
    feed("at", xy, 2, gl.UNSIGNED_SHORT, true);
    feed("colour", tint, 3, gl.UNSIGNED_BYTE, true);
    const buffer = feed("mark", marks, 2, gl.UNSIGNED_BYTE, true);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const uniform = (name) => gl.getUniformLocation(program, name);
    return (dot, flag) => {
      for (let i = 0; i < n; i++) {
        marks[2 * i] = state[i] * 255;
        marks[2 * i + 1] = rows.flagged[i] * 255;
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, marks);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform4f(uniform("see"), cx, cy, zoom, 0);
      gl.uniform1f(uniform("dot"), dot);
      gl.uniform3f(uniform("flag"), ...flag);
      for (let layer = 0; layer < 3; layer++) {
        gl.uniform1f(uniform("layer"), layer);
        gl.drawArrays(gl.POINTS, 0, n);
      }
    };
  }
  function drawer2D() {
    const pen = canvas.getContext("2d");
    return (dot, flag) => {
      const ratio = devicePixelRatio || 1;
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (let layer = 0; layer < 3; layer++)
        for (let i = 0; i < n; i++) {
          if (
            (layer === 0) !== (state[i] === 0) ||
            (layer === 1 && rows.flagged[i]) ||
            (layer === 2 && !rows.flagged[i])
          )
            continue;
          const [x, y] = place(i);
          pen.globalAlpha = state[i] ? 0.85 : 0.12;
          pen.fillStyle = rows.given[i] < 0 ? GREY : colours[rows.given[i]];
          pen.fillRect(x * ratio - dot / 2, y * ratio - dot / 2, dot, dot);
          if (layer === 2) {
            pen.strokeStyle = `rgb(${flag.map((v) => Math.round(v * 255))})`;
            pen.strokeRect(x * ratio - dot, y * ratio - dot, 2 * dot, 2 * dot);
          }
        }
    };
  }
  function paint() {
    asked = 0;
    const [w, h] = size(),
      ratio = devicePixelRatio || 1;
    if (!w) return;
    for (const c of [canvas, over])
      if (c.width !== Math.round(w * ratio) || c.height !== Math.round(h * ratio)) {
        c.width = Math.round(w * ratio);
        c.height = Math.round(h * ratio);
      }
    const flag = getComputedStyle(box).getPropertyValue("--flag").trim();
    draw((n > 20000 ? 2.6 : n > 3000 ? 4 : 6) * ratio * Math.sqrt(zoom), rgb(flag));
    const pen = over.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    pen.strokeStyle = getComputedStyle(box).color;
    pen.lineWidth = 1.5;
    if (current >= 0) {
      const [x, y] = place(current);
      pen.beginPath();
      pen.arc(x, y, 10, 0, 7);
      pen.stroke();
    }
    if (path) {
      pen.beginPath();
      path.forEach(([x, y]) => pen.lineTo(x, y));
      pen.closePath();
      pen.stroke();
    }
  }
  const later = () => {
    if (!asked) asked = requestAnimationFrame(paint);
  };
  function nearest(x, y, within = 14) {
    let best = NONE,
      least = within * within;
    for (let i = 0; i < n; i++) {
      const [a, b] = place(i),
        d = ((a - x) ** 2 + (b - y) ** 2) * (rows.flagged[i] ? 0.7 : 1) * (state[i] ? 1 : 4);
      if (d < least) {
        least = d;
        best = i;
      }
    }
    return best;
  }
  const where = (event) => {
    const r = canvas.getBoundingClientRect();
    return [event.clientX - r.left, event.clientY - r.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.isPrimary && (drawing || event.pointerType !== "touch")) {
      path = [where(event)];
      canvas.setPointerCapture(event.pointerId);
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = where(event);
    if (path) {
      path.push([x, y]);
      tip.hidden = true;
      return later();
    }
    const row = nearest(x, y);
    tip.hidden = row < 0;
    if (row < 0) return;
    tip.replaceChildren(el("b", {}, label(row)), textOf(rows.text[row].slice(0, 220)));
    tip.style.left = `${Math.min(x + 12, Math.max(0, box.clientWidth - 300))}px`;
    tip.style.top = `${y + 14}px`;
  });
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  canvas.addEventListener("pointercancel", () => {
    path = null; // the browser took the finger to scroll with
    later();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!path) return;
    const drawn = path;
    path = null;
    map.draw(false);
    if (drawn.length < 6) {
      const row = nearest(...where(event));
      if (row >= 0) onpick(row);
      return later();
    }
    const inside = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      const [x, y] = place(i);
      for (let a = 0, b = drawn.length - 1; a < drawn.length; b = a++) {
        const [xa, ya] = drawn[a],
          [xb, yb] = drawn[b];
        if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) inside[i] ^= 1;
      }
    }
    later();
    onlasso(inside);
  });
  canvas.addEventListener("click", (event) => {
    if (event.pointerType === "touch" && !path) {
      const row = nearest(...where(event), 24);
      if (row >= 0) onpick(row);
    }
  });
  const map = {
    node: box,
    later,
    show(list) {
      state.fill(0);
      for (const row of list) state[row] = 1;
      later();
    },
    mark(row) {
      current = row;
      later();
    },
    draw(on) {
      drawing = on;
      canvas.style.touchAction = on ? "none" : "";
      map.ondraw(on);
    },
    ondraw: () => {},
    zoom(by) {
      zoom = by ? Math.max(1, Math.min(40, zoom * by)) : 1;
      if (zoom === 1) {
        cx = cy = 0.5;
      } else if (by > 1 && current >= 0) {
        cx = xy[2 * current] / 65535;
        cy = xy[2 * current + 1] / 65535;
      }
      later();
    },
  };
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (by) {
      cx += (by[0] * 0.1) / zoom;
      cy += (by[1] * 0.1) / zoom;
      event.preventDefault();
      later();
    }
    if (event.key === "+") map.zoom(1.5);
    if (event.key === "-") map.zoom(1 / 1.5);
  });
  new ResizeObserver(later).observe(box);
  return map;
}
