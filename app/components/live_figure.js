/* One Plotly chart that updates in place: the DOM node, zoom and hover survive every change of data. */

const NARROW = 520;

function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  window.__fedrotPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/vendor/plotly.min.js";
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return window.__fedrotPlotly;
}

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
  const state = { card, title, tools, plot, data: null, queue: Promise.resolve(), wide: null };
  new ResizeObserver(() => {
    const width = Math.round(plot.clientWidth);
    if (state.data && width > 0 && width !== state.drawnWidth) draw(state);
  }).observe(plot);
  return state;
}

function screenLayout(state) {
  const { spec, height } = state.data;
  const width = Math.round(state.plot.clientWidth);
  state.drawnWidth = width;
  let layout = { ...spec.layout, title: undefined, autosize: false, width, height, uirevision: state.data.uirevision };
  if (width < NARROW && spec.layout.meta?.narrow) layout = merge(layout, spec.layout.meta.narrow);
  state.plot.style.minHeight = `${layout.height}px`;
  return layout;
}

function draw(state) {
  state.queue = state.queue.then(async () => {
    const Plotly = await loadPlotly();
    if (!state.plot.isConnected || state.plot.clientWidth === 0) return;
    const { spec, version } = state.data;
    await Plotly.react(state.plot, spec.data, screenLayout(state), { displayModeBar: false, responsive: false });
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
  }).catch((error) => { state.title.textContent = `${error.message}. Reload the page.`; });
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

async function save(state, format) {
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
  await Plotly.downloadImage(holder, { format, ...size, scale: 1600 / size.width, filename });
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
  state.data = { ...data, spec };
  state.trigger = (name, value) => setTriggerValue(name, value);
  state.title.textContent = spec.layout.title?.text ?? "";
  state.plot.setAttribute("aria-label", spec.layout.meta?.alt ?? "");
  const tools = [];
  if (spec.frames?.length) tools.push(button("↻ Turn", "Turn the clients from as sent to aligned", () => turn(state)));
  tools.push(button("SVG", `Save this figure as SVG, 1600 by 900: ${data.label}`, () => save(state, "svg")));
  tools.push(button("PNG", `Save this figure as PNG, 1600 by 900: ${data.label}`, () => save(state, "png")));
  tools.push(button("Data", `Show the numbers behind this figure: ${data.label}`, () => state.trigger("table", Date.now())));
  if (state.toolCount !== tools.length) {
    state.tools.replaceChildren(...tools);
    state.toolCount = tools.length;
  }
  draw(state);
}
