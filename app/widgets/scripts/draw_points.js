/* A curve drawn by hand: one point over each tick, moved by mouse, finger or arrow keys; then the true curve beside it. */

const R = 16, T = 32, B = 46, TYPE = 13, WIDEST = 520;
const NS = "http://www.w3.org/2000/svg";

function make(name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/* Round values from low to high, both included where they are multiples of the step. */
function marks(low, high, unit) {
  const rough = 0.999 * (high - low) / 4, ten = 10 ** Math.floor(Math.log10(rough));
  const steps = unit === "°" ? [5, 15, 30, 45, 90] : [1, 2, 2.5, 5, 10].map((m) => m * ten);
  const step = steps.find((s) => s >= rough);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) found.push(n * step);
  return found;
}

/* Px that the longest of these takes in the type of the axes. */
function widest(texts, family) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${TYPE}px ${family}`;
  return Math.max(...texts.map((text) => pen.measureText(text).width));
}

const states = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let state = states.get(parentElement);
  if (!state || state.key !== data.key) {
    state = { key: data.key, ys: data.drawn ?? data.ticks.map(() => null) };
    states.set(parentElement, state);
  }
  if (data.truth) state.ys = data.drawn;  // else what is drawn here is newer than what the server has seen of it
  state.watch?.disconnect();
  state.watch = new ResizeObserver(() => { if (size(parentElement) !== state.width) draw(); });
  state.watch.observe(parentElement);
  const draw = () => paintAll(data, parentElement, state, setTriggerValue);
  draw();
  return () => state.watch.disconnect();
}

/* Px that there are from side to side: the picture is drawn at its real size, so that its type keeps its own. */
function size(box) {
  return Math.min(WIDEST, Math.max(220, box.clientWidth || 420));
}

function paintAll(data, parentElement, state, setTriggerValue) {
  const { ticks, low, high, unit } = data, W = state.width = size(parentElement), H = T + B + 0.45 * W;
  const say = (v) => `${String(Math.round(v * 100) / 100).replace("-", "−")}${unit}`;
  const levels = marks(low, high, unit);
  const L = 12 + widest(levels.map(say), getComputedStyle(parentElement).fontFamily);
  const x = (i) => L + (i + 0.5) * (W - L - R) / ticks.length;
  const y = (v) => T + (high - v) / (high - low) * (H - T - B);
  const grain = (high - low) / 40;
  const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "fedrot-draw", role: "group", "aria-label": data.question });
  svg.append(make("text", { x: 2, y: TYPE, class: "axis" }, data.y_label));
  for (const v of levels) {
    svg.append(make("line", { x1: L, x2: W - R, y1: y(v), y2: y(v), class: "grid" }));
    svg.append(make("text", { x: L - 6, y: y(v) + 4, "text-anchor": "end" }, say(v)));
  }
  ticks.forEach((tick, i) => svg.append(make("text", { x: x(i), y: H - B + 18, "text-anchor": "middle" }, tick)));
  svg.append(make("text", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle", class: "axis" }, data.x_label));
  const line = make("polyline", { class: "guess" });
  svg.append(line);
  if (data.truth) {
    svg.append(make("polyline", { class: "truth", points: data.truth.map((v, i) => `${x(i)},${y(v)}`).join(" ") }));
    data.truth.forEach((v, i) => svg.append(make("rect", { x: x(i) - 5, y: y(v) - 5, width: 10, height: 10, class: "truth" })));
  }
  const points = ticks.map((tick, i) => {
    const point = make("circle", { r: 9, cx: x(i), tabindex: data.truth ? -1 : 0, role: "slider" });
    point.setAttribute("aria-label", `${data.y_label} at ${data.x_label} ${tick}`);
    point.setAttribute("aria-valuemin", low);
    point.setAttribute("aria-valuemax", high);
    svg.append(point);
    return point;
  });
  const paint = () => {
    points.forEach((point, i) => {
      const v = state.ys[i], middle = (low + high) / 2;
      point.setAttribute("cy", y(v ?? middle));
      point.setAttribute("class", v === null ? "open" : "set");
      point.setAttribute("aria-valuenow", v ?? middle);
      point.setAttribute("aria-valuetext", v === null ? "not drawn yet" : say(v));
    });
    line.setAttribute("points", state.ys.map((v, i) => (v === null ? "" : `${x(i)},${y(v)}`)).join(" "));
  };
  const put = (i, v) => {
    state.ys[i] = Math.min(high, Math.max(low, Math.round(v / grain) * grain));
    paint();
  };
  const report = () => {
    clearTimeout(state.timer);
    state.timer = 0;
    setTriggerValue("points", state.ys);
  };
  if (!data.truth) {
    points.forEach((point, i) => point.addEventListener("keydown", (event) => {
      const now = state.ys[i] ?? (low + high) / 2;
      const moves = { ArrowUp: grain, ArrowRight: grain, ArrowDown: -grain, ArrowLeft: -grain, PageUp: 5 * grain, PageDown: -5 * grain,
        Home: low - now, End: high - now, Enter: 0, " ": 0 };
      if (!(event.key in moves)) return;
      event.preventDefault();
      event.stopPropagation();
      put(i, now + moves[event.key]);
      clearTimeout(state.timer);
      state.timer = setTimeout(report, 400);  // once the keys rest
    }));
    points.forEach((point) => point.addEventListener("blur", () => { if (state.timer) report(); }));  // or the eye moves on
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      const px = (event.clientX - box.left) / box.width * W, py = (event.clientY - box.top) / box.height * H;
      const i = Math.min(ticks.length - 1, Math.max(0, Math.floor((px - L) / (W - L - R) * ticks.length)));
      put(i, high - (py - T) / (H - T - B) * (high - low));
    };
    svg.addEventListener("pointerdown", (event) => { state.down = true; svg.setPointerCapture(event.pointerId); at(event); });
    svg.addEventListener("pointermove", (event) => { if (state.down) at(event); });
    svg.addEventListener("pointerup", () => { state.down = false; report(); });
  }
  paint();
  const keep = document.activeElement?.getAttribute?.("aria-label");
  parentElement.replaceChildren(svg);
  if (keep) points.find((p) => p.getAttribute("aria-label") === keep)?.focus();
}
