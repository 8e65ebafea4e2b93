/* A figure as it will be saved, scaled down to the room there is. Nothing in it answers to the mouse. */

const MOST_HEIGHT = 300;

const states = new WeakMap();

function build(parent) {
  const frame = document.createElement("div");
  frame.className = "fedrot-preview";
  frame.setAttribute("role", "img");
  const plot = document.createElement("div");
  frame.append(plot);
  parent.replaceChildren(frame);
  const state = { frame, plot, layout: null, queue: Promise.resolve() };
  new ResizeObserver(() => fit(state)).observe(frame);
  return state;
}

function fit({ frame, plot, layout }) {
  if (!layout || !frame.clientWidth) return;
  const scale = Math.min(frame.clientWidth / layout.width, MOST_HEIGHT / layout.height);
  plot.style.width = `${layout.width}px`;
  plot.style.transform = `scale(${scale})`;
  plot.style.left = `${(frame.clientWidth - scale * layout.width) / 2}px`;
  frame.style.height = `${Math.ceil(scale * layout.height)}px`;
}

export default function ({ data, parentElement }) {
  let state = states.get(parentElement);
  if (!state) {
    state = build(parentElement);
    states.set(parentElement, state);
  }
  if (state.drawn === data.spec) return;
  state.drawn = data.spec;
  const spec = JSON.parse(data.spec);
  state.layout = spec.layout;
  state.frame.setAttribute("aria-label", `Preview: ${data.alt}`);
  fit(state);
  state.queue = state.queue.then(async () => {
    const Plotly = await loadPlotly();
    await Plotly.react(state.plot, spec.data, spec.layout, { staticPlot: true, displayModeBar: false });
  }).catch((error) => { state.frame.textContent = `${error.message}. Reload the page.`; });
}
