/* One Plotly chart that updates in place: the DOM node, zoom and hover survive every change of data. */

const NARROW = 520;

function merge(base, patch) {
  if (Array.isArray(patch) || patch === null || typeof patch !== "object") return patch;
  const out = { ...(base ?? {}) };
  for (const [key, value] of Object.entries(patch)) out[key] = merge(out[key], value);
  return out;
}

function button(text, label, onclick) {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.title = label;
  b.setAttribute("aria-label", label);
  b.onclick = onclick;
  return b;
}

/* The badge: a circle looks the same however it is turned, a triangle does not. */
function gaugeButton(badge, onclick) {
  const b = button("", badge.hint, onclick);
  b.className = `gauge ${badge.kind}`;
  const shape = badge.kind === "invariant"
    ? '<circle cx="8" cy="8" r="5.2"/>'
    : '<path d="M8 1.8 L14.2 12.6 L1.8 12.6 Z" transform="rotate(-14 8 9)"/>';
  const svg = `<svg viewBox="0 0 16 16" aria-hidden="true">${shape}</svg>`;
  b.innerHTML = `${svg}<span class="word">gauge-${badge.kind}</span>`;
  b.style.setProperty("--gauge", badge.colour);
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
  head.append(title, tools);
  const plot = document.createElement("div");
  plot.className = "plot";
  plot.setAttribute("role", "img");
  card.append(head, plot);
  parent.replaceChildren(card);
  const state = { card, title, tools, plot, data: null, queue: Promise.resolve(), waiting: 0 };
  const watch = new ResizeObserver(() => {
    if (!plot.isConnected) return;
    const width = Math.round(plot.clientWidth);
    const moved = state.data?.presented && roomBelow(plot) !== state.room;
    if (state.data && width > 0 && (width !== state.drawnWidth || moved)) draw(state);
  });
  [plot, document.documentElement, plot.closest(".stMainBlockContainer")].forEach((node) => watch.observe(node));
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

function screenLayout(state) {
  const { spec, presented } = state.data;
  const height = presented ? state.room = roomBelow(state.plot) : state.data.height;
  const width = Math.round(state.plot.clientWidth);
  state.drawnWidth = width;
  let layout = { ...spec.layout, title: undefined, autosize: false, width, height, uirevision: state.data.uirevision };
  if (presented) layout = { ...merge(layout, spec.layout.meta?.present ?? {}), height, hovermode: false };
  else if (width < NARROW && spec.layout.meta?.narrow) layout = merge(layout, spec.layout.meta.narrow);
  state.plot.style.minHeight = `${layout.height}px`;
  return layout;
}

/* Change the chart in place. A layout may ask for a tween; it needs the same axes as before and leave to move. */
async function redraw(Plotly, state, layout) {
  const axes = Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).sort().join();
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (still || axes !== state.axes) delete layout.transition;
  state.axes = axes;
  const show = () => Plotly.react(state.plot, state.data.spec.data, layout, { displayModeBar: false, responsive: false });
  try {
    await show();
  } catch (error) {
    if (!layout.transition) throw error;
    delete layout.transition;
    Plotly.purge(state.plot);
    state.bound = false;
    await show();
  }
}

function draw(state) {
  state.waiting += 1;
  state.plot.setAttribute("aria-busy", "true");
  state.queue = state.queue.then(async () => {
    const Plotly = await loadPlotly();
    if (!state.plot.isConnected || state.plot.clientWidth === 0) return;
    const { spec, version } = state.data;
    await redraw(Plotly, state, screenLayout(state));
    if (!state.bound) {
      state.bound = true;
      state.plot.on("plotly_click", (event) => {
        const point = event.points?.[0];
        const pick = point?.data?.meta;
        if (pick?.pick) state.trigger("pick", point.customdata);
        else if (pick?.client !== undefined) state.trigger("client", pick.client);
        else if (pick?.round) state.trigger("round", point.x);
      });
    }
    state.plot.dataset.version = version;
  }).catch((error) => { state.title.textContent = `${error.message}. Reload the page.`; })
    .finally(() => { if (--state.waiting === 0) state.plot.removeAttribute("aria-busy"); });
}

async function turn(state) {
  const Plotly = await loadPlotly();
  const frames = state.data.spec.frames.map((f) => ({ data: f.data, traces: f.traces, name: f.name }));
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const step = still ? 0 : 110;
  for (const frame of still ? frames.slice(-1) : frames) {
    await Plotly.animate(state.plot, { data: frame.data, traces: frame.traces }, {
      transition: { duration: step, easing: "linear" }, frame: { duration: step, redraw: false }, mode: "immediate",
    });
  }
}

/* The quick way: as it is on screen, by the browser that shows it. */
async function camera(state) {
  const Plotly = await loadPlotly();
  const { spec, filename } = state.data;
  const size = { width: 1100, height: 619 };  // laid out as on a slide, then scaled to 1600 x 900
  const margin = { t: 100, b: 80, ...(spec.layout.margin ?? {}) };
  margin.b += 30;
  const footer = {
    text: state.data.footer, xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "left", yanchor: "top",
    yshift: 22 - margin.b, showarrow: false, font: { size: 12 }, opacity: 0.75,
  };
  const annotations = [...(spec.layout.annotations ?? []), footer];
  const layout = { ...spec.layout, autosize: false, ...size, margin, annotations };
  const holder = document.createElement("div");
  await Plotly.newPlot(holder, spec.data, layout);
  await Plotly.downloadImage(holder, { format: "svg", ...size, scale: 1600 / size.width, filename });
  Plotly.purge(holder);
}

const states = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let state = states.get(parentElement);
  if (!state) {
    state = build(parentElement);
    states.set(parentElement, state);
  }
  const spec = JSON.parse(data.spec);
  if (data.presented) {
    simplify(spec.data);
    [spec.layout, spec.data].forEach(enlarge);
  }
  state.data = { ...data, spec };
  state.trigger = (name, value) => setTriggerValue(name, value);
  state.title.textContent = spec.layout.title?.text ?? "";
  state.plot.setAttribute("aria-label", spec.layout.meta?.alt ?? "");
  const tools = [];
  if (data.badge) tools.push(gaugeButton(data.badge, () => state.trigger("gauge", Date.now())));
  if (spec.frames?.length) tools.push(button("↻ Turn", "Turn the clients from as sent to aligned", () => turn(state)));
  tools.push(button("SVG", `Save this figure as SVG at once, 1600 by 900, as it is on screen: ${data.label}`, () => camera(state)));
  tools.push(button("Save", `Save this figure: choose format, size and style: ${data.label}`, () => state.trigger("save", Date.now())));
  tools.push(button("Data", `Show the numbers behind this figure: ${data.label}`, () => state.trigger("table", Date.now())));
  const signature = JSON.stringify([tools.length, data.badge]);  // rebuilt only for a reason: a rebuilt one loses focus
  if (state.toolSignature !== signature) {
    state.tools.replaceChildren(...tools);
    state.toolSignature = signature;
  }
  draw(state);
}
