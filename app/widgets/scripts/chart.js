/* A Plotly chart in a node of ours: laid out for the room there is, changed in place, turned, clicked.

   A chart is { holder, drawn }: the node that takes its room on the page, and the one in it that Plotly draws into. */

const NARROW = 520;
const CELL = 26;  // px that a number of three digits takes
const ROOM = { width: 853, height: 480 };  // type of 12 px on it is 18 px high on a screen of 1280 by 720

function merge(base, patch) {
  if (Array.isArray(patch) || patch === null || typeof patch !== "object") return patch;
  const out = { ...(base ?? {}) };
  for (const [key, value] of Object.entries(patch)) out[key] = merge(out[key], value);
  return out;
}

/* A chart that takes its room below `parent`. */
function chartIn(parent) {
  const holder = document.createElement("div");
  holder.className = "plot";
  holder.setAttribute("role", "img");
  const drawn = document.createElement("div");
  drawn.className = "drawn";
  holder.append(drawn);
  parent.append(holder);
  return { holder, drawn };
}

/* A figure's layout in a node of this size; its title stands above it, in the page. Plotly writes into a layout. */
function sized(spec, width, height, uirevision) {
  return { ...structuredClone(spec.layout), title: undefined, autosize: false, width, height, uirevision };
}

/* The same, for the width that there is. */
function layoutFor(spec, width, height, uirevision) {
  const layout = sized(spec, width, height, uirevision);
  if (width < NARROW && layout.meta?.narrow) return merge(layout, layout.meta.narrow);
  wrapRemarks(layout);
  makeRoomAbove(layout);
  return layout;
}

/* Move the plot down where the headings of its upper panels would stand out of the chart. */
function makeRoomAbove(layout) {
  const { margin, height } = layout;
  for (const note of layout.annotations ?? []) {
    const axis = /^y(\d*) domain$/.exec(note.yref);
    if (!axis || note.y !== 1 || note.yanchor !== "bottom") continue;
    const top = layout[`yaxis${axis[1]}`]?.domain?.[1] ?? 1;
    const lines = note.text.split("<br>").length;
    const needed = 1.35 * (note.font?.size ?? 14) * lines + (note.yshift ?? 0);
    margin.t = Math.max(margin.t, Math.ceil((needed - (1 - top) * (height - margin.b)) / top));
  }
}

/* The traces without the numbers in the cells of maps, where those of one map would not fit their cells. */
function legible(traces, layout) {
  const crowded = traces.some((trace) => {
    if (trace.type !== "heatmap" || !trace.texttemplate) return false;
    const [from, to] = layout[`xaxis${(trace.xaxis ?? "x").slice(1)}`]?.domain ?? [0, 1];
    const columns = trace.x?.length ?? trace.z?.[0]?.length;
    return ((to - from) * (layout.width - layout.margin.l - layout.margin.r)) / columns < CELL;
  });
  return crowded ? traces.map((trace) => ({ ...trace, texttemplate: undefined })) : traces;
}

/* Break the remarks below the plot into lines where they would run out of the chart, and make room for those lines. */
function wrapRemarks(layout) {
  const pen = document.createElement("canvas").getContext("2d");
  const left = layout.margin.l;
  for (const note of layout.annotations ?? []) {
    const corner = [note.xref, note.yref, note.xanchor, note.yanchor, note.x].join();
    if (corner !== "paper,paper,left,top,0" || note.y > 0) continue;
    const size = note.font?.size ?? 14;
    pen.font = `${size}px ${layout.template.layout.font.family}`;
    const room = layout.width - left - (note.xshift ?? 0) - 8;
    const lines = [""];
    for (const word of note.text.split(" ")) {
      const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
      if (lines.at(-1) && pen.measureText(longer.replace(/<[^>]*>/g, "")).width > room) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    note.text = lines.join("<br>");
    layout.margin.b += Math.ceil(1.3 * size * (lines.length - 1));
  }
}

/* The canvas of a chart that is to fill width by height px in a room, and the factor by which it is then magnified as a
   whole: type, lines, marks and margins alike. A figure that needs more height gets smaller type, but never smaller
   than on the page. */
function canvasFor(layout, width, height) {
  const least = layout.meta?.least_height ?? 0;
  const wish = Math.min(window.innerWidth / ROOM.width, window.innerHeight / ROOM.height);
  const factor = Math.max(1, Math.min(wish, least ? height / least : wish));
  return { factor, width: Math.floor(width / factor), height: Math.max(least, Math.floor(height / factor)) };
}

/* Draw a figure so that it fills width by height px. */
function fill(Plotly, chart, spec, width, height) {
  const canvas = canvasFor(spec.layout, width, height);
  const layout = layoutFor(spec, canvas.width, canvas.height, "room");
  return redraw(Plotly, chart, { data: legible(spec.data, layout) }, layout, canvas.factor);
}

/* Change the chart in place. A layout may ask for a tween; it needs the same axes as before and leave to move. */
async function redraw(Plotly, chart, spec, layout, factor = 1) {
  const axes = Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).sort().join();
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (still || axes !== chart.axes || factor !== 1) delete layout.transition;
  chart.axes = axes;
  chart.holder.style.height = `${Math.ceil(layout.height * factor)}px`;
  chart.drawn.style.width = `${layout.width}px`;
  chart.drawn.style.transform = factor === 1 ? "" : `scale(${factor})`;
  const show = () => Plotly.react(chart.drawn, spec.data, layout, { displayModeBar: false, responsive: false });
  try {
    await show();
  } catch (error) {
    if (!layout.transition) throw error;
    delete layout.transition;
    Plotly.purge(chart.drawn);
    chart.bound = false;
    await show();
  }
}

/* A click on a mark is told once a chart is drawn; `trigger(name, value)` takes it. */
function bind(chart, trigger) {
  if (chart.bound) return;
  chart.bound = true;
  chart.drawn.on("plotly_click", (event) => {
    const point = event.points?.[0];
    const pick = point?.data?.meta;
    if (pick?.pick) trigger("pick", point.customdata);
    else if (pick?.client !== undefined) trigger("client", pick.client);
    else if (pick?.round) trigger("round", point.x);
  });
}

/* Play a figure's frames. */
async function turn(chart, spec) {
  const Plotly = await loadPlotly();
  const frames = spec.frames.map((f) => ({ data: f.data, traces: f.traces, name: f.name }));
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const step = still ? 0 : 110;
  for (const frame of still ? frames.slice(-1) : frames) {
    await Plotly.animate(chart.drawn, { data: frame.data, traces: frame.traces }, {
      transition: { duration: step, easing: "linear" }, frame: { duration: step, redraw: false }, mode: "immediate",
    });
  }
}
