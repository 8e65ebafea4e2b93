const slides = [...document.querySelectorAll("section")];
const where = document.getElementById("where"), button = document.getElementById("notes");
let now = 0, notes = false;

function draw(slide) {
  const plot = slide.querySelector(".plot");
  if (!plot) return;
  const spec = JSON.parse(slide.querySelector("figure script").textContent), { width, height } = spec.layout;
  if (!plot.dataset.drawn) {
    plot.dataset.drawn = "yes";
    plot.style.width = `${width}px`;
    Plotly.newPlot(plot, spec.data, spec.layout, { displayModeBar: false, responsive: false });
  }
  const box = plot.parentElement.getBoundingClientRect(), scale = Math.min(box.width / width, box.height / height);
  plot.style.transform = `scale(${scale})`;
  plot.style.left = `${(box.width - scale * width) / 2}px`;
}

function show(n) {
  now = Math.min(Math.max(n, 0), slides.length - 1);
  slides.forEach((slide, k) => {
    slide.classList.toggle("now", k === now);
    slide.querySelector("aside").hidden = !notes;
  });
  where.textContent = `${now + 1} / ${slides.length}`;
  button.setAttribute("aria-pressed", String(notes));
  history.replaceState(null, "", `#${now + 1}`);
  window.scrollTo(0, 0);
  draw(slides[now]);
}

function toggle() { notes = !notes; show(now); }

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const onButton = event.target.closest?.("button");
  const step = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }[event.key];
  if (step) show(now + step);
  else if (event.key === " " && !onButton) show(now + (event.shiftKey ? -1 : 1));
  else if (event.key === "Home") show(0);
  else if (event.key === "End") show(slides.length - 1);
  else if (event.key.toLowerCase() === "n") toggle();
  else return;
  event.preventDefault();
});
document.getElementById("back").onclick = () => show(now - 1);
document.getElementById("next").onclick = () => show(now + 1);
button.onclick = toggle;
let sleep;
function wake() {
  document.body.classList.add("awake");
  clearTimeout(sleep);
  sleep = setTimeout(() => document.body.classList.remove("awake"), 2500);
}
for (const kind of ["mousemove", "touchstart"]) document.addEventListener(kind, wake);
window.addEventListener("hashchange", () => show((parseInt(location.hash.slice(1)) || 1) - 1));
window.addEventListener("resize", () => draw(slides[now]));
window.addEventListener("beforeprint", () => slides.forEach(draw));
show((parseInt(location.hash.slice(1)) || 1) - 1);
