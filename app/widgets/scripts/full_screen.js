/* One figure and its title on the whole screen. It stays alive there: what changes its card changes it too. */

async function openFullScreen(state) {
  const Plotly = await loadPlotly();
  const dialog = document.createElement("dialog");
  dialog.className = "fedrot-full";
  dialog.setAttribute("role", "dialog");
  dialog.setAttribute("aria-label", `Full screen: ${state.data.label}`);
  const title = document.createElement("h2");
  const tools = document.createElement("div");
  tools.className = "tools";
  const room = document.createElement("div");
  room.className = "room";
  room.tabIndex = 0;  // on a small screen it scrolls
  const chart = chartIn(room);
  const leave = button("Leave", "Leave full screen (Esc does the same)", () => dialog.close());
  if (state.data.spec.frames?.length) tools.append(turnButton(() => turn(chart, state.data.spec)));
  tools.append(leave);
  dialog.append(title, tools, room);

  let queue = Promise.resolve();
  const full = {
    draw() {
      const { spec } = state.data;
      title.textContent = spec.layout.title?.text ?? "";
      chart.holder.setAttribute("aria-label", spec.layout.meta?.alt ?? "");
      queue = queue.then(async () => {
        if (!dialog.open || !room.clientWidth) return;
        await fill(Plotly, chart, spec, room.clientWidth, room.clientHeight);
        bind(chart, (...wish) => state.trigger(...wish));
      }).catch((error) => { title.textContent = `${error.message}. Reload the page.`; });
    },
  };
  const whole = document.documentElement;  // a dialog itself may not be asked for
  const entered = !document.fullscreenElement
    && await whole.requestFullscreen?.().then(() => true, () => false);  // where that is refused, the window is filled
  const left = () => { if (entered && !document.fullscreenElement) dialog.close(); };
  const watch = new ResizeObserver(() => (dialog.isConnected ? full.draw() : end()));  // its card may leave the page
  dialog.addEventListener("keydown", (event) => event.stopPropagation());  // the page's keys rest
  const end = () => {
    document.removeEventListener("fullscreenchange", left);
    watch.disconnect();
    state.full = null;
    Plotly.purge(chart.drawn);
    dialog.remove();
    if (entered && document.fullscreenElement) document.exitFullscreen();
  };
  dialog.addEventListener("close", end);
  document.addEventListener("fullscreenchange", left);
  state.card.append(dialog);
  state.full = full;
  dialog.showModal();
  leave.focus();
  watch.observe(room);
}
