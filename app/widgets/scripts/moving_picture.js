/* Two clients that learned one update in frames turned apart: what they hold, their average as sent, and turned first. */

const NS = "http://www.w3.org/2000/svg";
const SIZE = 190, RADIUS = 72, CELL = 17, FRAMES_A_SECOND = 20;

function node(name, attributes, parent) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

function html(name, properties, parent) {
  const made = Object.assign(document.createElement(name), properties);
  parent?.append(made);
  return made;
}

/* A panel: title, a circle for arrows, a picture of the update, and a line of words. */
function panel(parent, title, rows, columns) {
  const box = html("figure", {}, parent);
  html("figcaption", { textContent: title }, box);
  const drawing = html("div", { className: "drawing" }, box);
  const circle = node("svg", { viewBox: `${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`, "aria-hidden": "true" }, drawing);
  node("circle", { r: RADIUS, class: "ring" }, circle);
  const picture = node("svg", { viewBox: `-1 -1 ${columns * CELL + 2} ${rows * CELL + 2}`, class: "picture", "aria-hidden": "true" }, drawing);
  const cells = [];
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++)
    cells.push(node("rect", { x: x * CELL, y: y * CELL, width: CELL - 1, height: CELL - 1 }, picture));
  return { box, circle, cells, words: html("p", {}, box) };
}

function arrow(circle, hue, width) {
  const line = node("line", { stroke: hue, "stroke-width": width, "stroke-linecap": "round" }, circle);
  const head = node("path", { fill: hue }, circle);
  return ([x, y]) => {
    const length = Math.hypot(x, y), size = Math.min(4 + 2.2 * width, length);
    const [u, v] = length ? [x / length, -y / length] : [0, 0];
    const [tx, ty] = [x, -y], [bx, by] = [tx - size * u, ty - size * v];
    line.setAttribute("x2", bx);
    line.setAttribute("y2", by);
    head.setAttribute("d", length < 0.5 ? "" : `M${tx},${ty} L${bx - 0.5 * size * v},${by + 0.5 * size * u} L${bx + 0.5 * size * v},${by - 0.5 * size * u} Z`);
  };
}

const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

function build(parent, { positions, picture, rest, hues }) {
  const rows = picture.length, columns = picture[0].length, most = Math.max(...picture.flat().map(Math.abs));
  const root = html("section", { className: "fedrot-moving", ariaLabel: "Averaging two clients" });
  const panels = html("div", { className: "panels" }, root);
  const ink = "var(--fedrot-ink)", grey = "color-mix(in srgb, var(--fedrot-ink) 55%, var(--fedrot-paper))";
  const held = panel(panels, "What two clients hold", rows, columns);
  const naive = panel(panels, "Averaged as sent", rows, columns);
  const aligned = panel(panels, "Turned onto one frame, then averaged", rows, columns);
  const [a, b] = positions[0].clients[0], unit = Math.hypot(a, b), reach = RADIUS / unit;
  const scaled = ([x, y]) => [reach * (x * b - y * a) / unit, reach * (x * a + y * b) / unit];  // the first client's arrow points up
  const faint = "color-mix(in srgb, var(--fedrot-ink) 25%, var(--fedrot-paper))";
  const both = [arrow(held.circle, ink, 4), arrow(held.circle, grey, 4)];
  const behind = [arrow(naive.circle, faint, 2.5), arrow(naive.circle, faint, 2.5)];
  const means = [arrow(naive.circle, hues.naive, 5), arrow(aligned.circle, hues.aligned, 5)];
  const paint = (cells, values, hue) => cells.forEach((cell, n) => {
    const share = Math.min(1, Math.abs(values[Math.floor(n / columns)][n % columns]) / most);
    cell.setAttribute("fill", `color-mix(in srgb, ${hue} ${Math.round(100 * share)}%, var(--fedrot-cell))`);
  });
  paint(held.cells, picture, ink);

  const controls = html("div", { className: "controls" }, root);
  const play = html("button", { type: "button" }, controls);
  const label = html("label", {}, controls);
  const said = html("span", {}, label);
  const slider = html("input", { type: "range", min: 0, max: positions.length - 1, step: 1 }, label);
  const sentence = html("p", { className: "sentence" }, root);
  sentence.setAttribute("role", "status");

  const home = positions.findIndex((p) => p.degrees >= rest);
  let timer = 0;
  const show = (n) => {
    const now = positions[n];
    slider.value = n;
    slider.setAttribute("aria-valuetext", `${now.degrees}°`);
    said.textContent = `Angle between their frames: ${now.degrees}°`;
    now.clients.forEach((tip, k) => { both[k](scaled(tip)); behind[k](scaled(tip)); });
    now.means.forEach((tip, k) => means[k](scaled(tip)));
    paint(naive.cells, now.pictures[0], hues.naive);
    paint(aligned.cells, now.pictures[1], hues.aligned);
    held.words.textContent = "Each holds the same update: this F.";
    const words = now.kept.map((share, k) => `keeps <b style="color:${k ? hues.aligned : hues.naive}">${percent(share)}</b> of the update`);
    [naive.words.innerHTML, aligned.words.innerHTML] = words;
    const [lost, kept] = now.kept.map(percent);
    sentence.setAttribute("aria-live", timer ? "off" : "polite");  // a reader is told where it rests, not every step
    sentence.textContent = `Both clients learned the same update, in frames turned apart. A server that averages what they send keeps ${lost} of it; `
      + `if each client first turns onto one common frame, ${kept} is kept, and no extra number is sent.`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "▶ Play";
    show(slider.valueAsNumber);
  };
  const move = () => {  // to the end and back to rest
    let step = 1;
    play.textContent = "❚❚ Pause";
    clearInterval(timer);
    timer = setInterval(() => {
      const n = slider.valueAsNumber + step;
      if (n >= positions.length - 1) step = -1;
      show(Math.min(positions.length - 1, n));
      if (step < 0 && n <= home) stop();
    }, 1000 / FRAMES_A_SECOND);
  };
  play.onclick = () => {
    if (timer) stop();
    else move();
  };
  slider.oninput = () => { if (timer) stop(); show(slider.valueAsNumber); };

  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  slider.value = still ? home : 0;
  stop();
  parent.replaceChildren(root);
  if (!still) move();  // once, so that the first look sees what turning does
  return () => clearInterval(timer);
}

const built = new WeakMap();

export default function ({ data, parentElement }) {
  if (!built.has(parentElement)) built.set(parentElement, build(parentElement, data));
  return () => { built.get(parentElement)?.(); built.delete(parentElement); };
}
