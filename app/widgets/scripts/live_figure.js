/* One Plotly chart that updates in place: the DOM node, zoom and hover survive every change of data. */

function button(text, label, onclick, icon = "") {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.title = label;
  b.setAttribute("aria-label", label);
  b.onclick = onclick;
  if (icon) {
    b.className = "pictured";
    b.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true">${icon}</svg><span class="word">${text}</span>`;
  }
  return b;
}

const ICONS = {
  copy: '<path d="M5.5 5.5 H13.5 V13.5 H5.5 Z M10.5 5.5 V2.5 H2.5 V10.5 H5.5"/>',
  full: '<path d="M2.5 6 V2.5 H6 M10 2.5 H13.5 V6 M13.5 10 V13.5 H10 M6 13.5 H2.5 V10"/>',
};

/* The badge: a circle looks the same however it is turned, a triangle does not. */
function gaugeButton(badge, onclick) {
  const shape = badge.kind === "invariant"
    ? '<circle cx="8" cy="8" r="5.2"/>'
    : '<path d="M8 1.8 L14.2 12.6 L1.8 12.6 Z" transform="rotate(-14 8 9)"/>';
  const b = button(`gauge-${badge.kind}`, badge.hint, onclick, shape);
  b.classList.add("gauge", badge.kind);
  b.style.setProperty("--gauge", badge.colour);
  return b;
}

function turnButton(onclick) {
  const b = button("↻ Turn", "Turn the clients from as sent to aligned", onclick);
  b.className = "turn";
  return b;
}

function build(parent) {
  const card = document.createElement("figure");
  card.className = "fedrot-figure";
  const head = document.createElement("figcaption");
  const title = document.createElement("div");
  title.className = "title";
  const tools = document.createElement("div");
  tools.className = "tools";
  const told = document.createElement("p");
  told.className = "told";
  told.setAttribute("role", "status");
  head.append(title, tools, told);
  card.append(head);
  const chart = chartIn(card);
  parent.replaceChildren(card);
  const state = { card, title, tools, told, chart, data: null, full: null, queue: Promise.resolve(), waiting: 0 };
  const watch = new ResizeObserver(() => refit(state));
  [chart.holder, card.closest(".stMainBlockContainer")].forEach((node) => watch.observe(node));
  return state;
}

const SMALLEST_PRESENTED = 12;

/* Every font size below the smallest one is raised to it, in place. */
function enlarge(node) {
  if (node === null || typeof node !== "object") return;
  for (const [key, value] of Object.entries(node)) {
    if (/font$/.test(key) && value?.size < SMALLEST_PRESENTED) value.size = SMALLEST_PRESENTED;
    if (key !== "x" && key !== "y" && key !== "z") enlarge(value);
  }
}

/* What is left of the window under a node, in the node's own pixels. */
function roomBelow(node) {
  const zoom = Number(getComputedStyle(node.closest(".stApp")).zoom) || 1;
  return Math.max(220, Math.round((window.innerHeight - node.getBoundingClientRect().top) / zoom) - 14);
}

/* In a room, the many cells of a map carry no numbers and one colour bar is enough. */
function simplify(traces) {
  const maps = traces.filter((trace) => trace.type === "heatmap");
  maps.forEach((trace, i) => {
    if ((trace.z?.length ?? 0) * (trace.z?.[0]?.length ?? 0) > 64) delete trace.texttemplate;
    if (i < maps.length - 1) trace.showscale = false;
  });
}

/* The size that a card's chart was or is to be drawn for, as far as the page decides on it. */
function sizeOnPage({ chart, data }) {
  return [Math.round(chart.holder.clientWidth), data.fills || data.presented ? roomBelow(chart.holder) : 0];
}

/* Draw anew what no longer fits its place. */
function refit(state) {
  if (!state.data || !state.chart.holder.isConnected || !state.chart.holder.clientWidth) return;
  if (sizeOnPage(state).join() !== state.drawnFor) draw(state);
}

/* Draw the card's chart as large as its place on the page is. */
function drawCard(Plotly, { chart, data }) {
  const { spec } = data;
  const width = Math.round(chart.holder.clientWidth);
  if (data.fills) return fill(Plotly, chart, spec, width, roomBelow(chart.holder));
  if (!data.presented) return redraw(Plotly, chart, spec, layoutFor(spec, width, data.height, data.uirevision));
  const height = roomBelow(chart.holder);
  const layout = merge(sized(spec, width, height, data.uirevision), spec.layout.meta?.present ?? {});
  return redraw(Plotly, chart, spec, { ...layout, height, hovermode: false });
}

function draw(state) {
  const { holder } = state.chart;
  state.waiting += 1;
  holder.setAttribute("aria-busy", "true");
  state.queue = state.queue.then(async () => {
    const Plotly = await loadPlotly();
    if (printing || !holder.isConnected || holder.clientWidth === 0) return;
    const { version } = state.data;
    state.drawnFor = sizeOnPage(state).join();
    await drawCard(Plotly, state);
    bind(state.chart, (...wish) => state.trigger(...wish));
    holder.dataset.version = version;
  }).catch((error) => { state.title.textContent = `${error.message}. Reload the page.`; })
    .finally(() => { if (--state.waiting === 0) holder.removeAttribute("aria-busy"); });
  state.full?.draw();
}

const TOLD_MS = 8000;

/* Say for a while what came of a press, to eyes and screen readers. */
async function tell(state, outcome) {
  clearTimeout(state.silence);
  state.told.textContent = "";
  state.told.textContent = await outcome;
  state.silence = setTimeout(() => { state.told.textContent = ""; }, TOLD_MS);
}

/* Whether a card shows these data already, as large as its place is now. */
function isDrawn(state, data) {
  const same = (key) => state.sent?.[key] === data[key];
  return ["spec", "height", "uirevision", "presented", "fills"].every(same)
    && state.waiting === 0 && sizeOnPage(state).join() === state.drawnFor;
}

const states = new WeakMap();
const cards = new Set();
window.addEventListener("resize", () => cards.forEach(refit));
whenPrinting(cards, draw);

export default function ({ data, parentElement, setTriggerValue }) {
  let state = states.get(parentElement);
  if (!state) {
    state = build(parentElement);
    states.set(parentElement, state);
    cards.add(state);
  }
  state.trigger = (name, value) => setTriggerValue(name, value);
  const stands = isDrawn(state, data);
  state.sent = data;
  const spec = stands ? state.data.spec : JSON.parse(data.spec);
  if (data.presented && !stands) {
    simplify(spec.data);
    [spec.layout, spec.data].forEach(enlarge);
  }
  state.data = { ...data, spec };
  state.title.textContent = spec.layout.title?.text ?? "";
  state.chart.holder.setAttribute("aria-label", spec.layout.meta?.alt ?? "");
  const tools = [];
  if (data.badge) tools.push(gaugeButton(data.badge, () => state.trigger("gauge", Date.now())));
  if (spec.frames?.length) tools.push(turnButton(() => turn(state.chart, state.data.spec)));
  tools.push(button("SVG", `Save this figure as SVG at once, 1600 by 900, as it is on screen: ${data.label}`, () => camera(state.data)));
  tools.push(button("Save", `Save this figure: choose format, size and style: ${data.label}`, () => state.trigger("save", Date.now())));
  tools.push(button("Copy", `Copy this figure to the clipboard, as a picture: ${data.label}`, () => tell(state, copy(state.data)), ICONS.copy));
  tools.push(button("Full screen", `Full screen: show this figure alone and large: ${data.label}`, () => openFullScreen(state), ICONS.full));
  tools.push(button("Data", `Show the numbers behind this figure: ${data.label}`, () => state.trigger("table", Date.now())));
  const signature = JSON.stringify([tools.length, data.badge]);  // rebuilt only for a reason: a rebuilt one loses focus
  if (state.toolSignature !== signature) {
    state.tools.replaceChildren(...tools);
    state.toolSignature = signature;
  }
  if (stands) state.chart.holder.dataset.version = data.version;
  else draw(state);
}
