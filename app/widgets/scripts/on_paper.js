/* Figures on printed pages: as wide as a page of A4 or letter paper, in the colours of the light mode. */

let printing = false;  // then cards stay as they are laid out for paper
const PAPER = { width: 853, scale: 0.8 };  // laid out as for a room, then scaled down to 682 px

/* A figure in other colours. `colours` holds, for each colour #RRGGBB, the one that takes its place. */
function recoloured(spec, colours) {
  const channels = (hex) => `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join()},`;
  const all = new Map(Object.entries(colours).flatMap(([from, to]) => [[from, to], [channels(from), channels(to)]]));
  return JSON.parse(JSON.stringify(spec).replace(/#[0-9A-F]{6}|rgba\(\d+,\d+,\d+,/g, (found) => all.get(found) ?? found));
}

/* Lay the cards out for paper before the page is printed, and as they were afterwards. A browser waits for neither a
   server nor a promise then; Plotly draws at once. */
function whenPrinting(cards, draw) {
  const onPage = () => [...cards].filter((state) => state.card.isConnected || !cards.delete(state));
  window.addEventListener("beforeprint", () => {
    printing = true;
    for (const { chart, data } of onPage()) {
      if (!chart.bound) continue;
      const spec = recoloured(data.spec, data.on_paper);
      const layout = layoutFor(spec, PAPER.width, Math.max(data.height, spec.layout.meta?.least_height ?? 0));
      redraw(window.Plotly, chart, { data: legible(spec.data, layout) }, layout, PAPER.scale);
    }
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    onPage().forEach(draw);
  });
}
