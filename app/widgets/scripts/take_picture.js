/* A figure as a picture, as it is on screen, by the browser that shows it: a file at once, or the clipboard. */

const SLIDE = { width: 1100, height: 619 };  // laid out as on a slide, then scaled
const SAVE_INSTEAD = "Press Save instead and choose PNG.";

/* Draw the figure with its title, and the line below it that says where it comes from, and hand it to `use`. */
async function pictured({ spec, footer }, use) {
  const Plotly = await loadPlotly();
  const { data, layout } = structuredClone(spec);
  const margin = { t: 100, b: 80, ...(layout.margin ?? {}) };
  margin.b += 30;
  const note = {
    text: footer, xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "left", yanchor: "top",
    yshift: 22 - margin.b, showarrow: false, font: { size: 12 }, opacity: 0.75,
  };
  const annotations = [...(layout.annotations ?? []), note];
  const holder = document.createElement("div");
  await Plotly.newPlot(holder, data, { ...layout, autosize: false, ...SLIDE, margin, annotations });
  try {
    return await use(Plotly, holder);
  } finally {
    Plotly.purge(holder);
  }
}

/* 1600 by 900, as SVG. */
function camera(data) {
  const how = { format: "svg", ...SLIDE, scale: 1600 / SLIDE.width, filename: data.filename };
  return pictured(data, (Plotly, holder) => Plotly.downloadImage(holder, how));
}

async function png(data) {
  const how = { format: "png", ...SLIDE, scale: 2, imageDataOnly: true };
  const text = await pictured(data, (Plotly, holder) => Plotly.toImage(holder, how));
  return new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/png" });
}

/* Put the figure on the clipboard; what came of it, in words. The picture is promised, not awaited: a browser lets a
   page copy only in answer to a press. */
async function copy(data) {
  if (!navigator.clipboard?.write || !window.ClipboardItem) {
    return `A browser lets a page copy pictures only over https or on localhost. ${SAVE_INSTEAD}`;
  }
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png(data) })]);
    return "Copied as a picture.";
  } catch (error) {
    return `${error.name === "NotAllowedError" ? "The browser did not allow copying." : "Copying failed."} ${SAVE_INSTEAD}`;
  }
}
