/* A slider of a setting: the browser's own, so keys, touch and screen readers work as everywhere. Tells a press at once, and
   the end of a drag; while the thumb or a held key is on its way, only once it pauses. What the page says meanwhile does not
   pull the thumb back: it counts once the page has heard the last move. */

const PAUSE_MS = 110;
const LOST_MS = 4000; // a move that was not heard by then never will be

const sliders = new WeakMap();

function stops({ stops, low, high, step, decimals }) {
  if (stops) return stops;
  const count = Math.round((high - low) / step) + 1;
  return Array.from({ length: count }, (_, n) => Number((low + n * step).toFixed(decimals)));
}

function text({ decimals, unit }, value) {
  const number = decimals === null ? String(value) : value.toFixed(decimals);
  if (!unit || unit === "°") return number + unit;
  return `${number}\u00a0${value === 1 ? unit.replace(/s$/, "") : unit}`;
}

function made(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function build(parent, id) {
  const root = made("div", { className: "fedrot-slider" });
  const label = made("label", { htmlFor: id });
  const help = made("button", { type: "button", className: "help", textContent: "?" });
  const shown = made("output", {});
  shown.setAttribute("for", id);
  const tip = made("div", { className: "fedrot-slider-tip", popover: "manual", id: `${id}-help` });
  tip.setAttribute("role", "tooltip");
  const input = made("input", { type: "range", id, min: 0, step: 1 });
  input.setAttribute("aria-describedby", tip.id);
  root.append(label, help, shown, input, tip);
  parent.replaceChildren(root);
  return { label, help, shown, input, tip };
}

function helped(help, tip) {
  const open = () => {
    if (tip.matches(":popover-open")) return;
    tip.showPopover();
    const at = help.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8))}px`;
    const below = at.bottom + 6;
    tip.style.top = `${below + tip.offsetHeight < innerHeight ? below : Math.max(8, at.top - tip.offsetHeight - 6)}px`;
  };
  const shut = () => {
    if (tip.matches(":popover-open")) tip.hidePopover();
  };
  help.onmouseenter = help.onfocus = help.onclick = open;
  help.onmouseleave = help.onblur = shut;
  help.onkeydown = (event) => {
    if (event.key === "Escape") shut(); // without a value: false would keep Tab from leaving
  };
}

export default function ({ data, parentElement, setTriggerValue }) {
  let slider = sliders.get(parentElement);
  if (!slider) {
    slider = { ...build(parentElement, `slider-${data.key}`), told: null, toldAt: -Infinity, pause: null, dragged: false };
    sliders.set(parentElement, slider);
    helped(slider.help, slider.tip);
  }
  const { label, help, shown, input, tip } = slider;
  const values = stops(data);
  slider.data = data;

  const show = () => {
    shown.value = text(data, slider.under);
    input.setAttribute("aria-valuetext", shown.value);
    input.style.setProperty("--part", Number(input.value) / Math.max(1, values.length - 1));
  };
  const put = (value) => {
    slider.under = value;
    input.value = values.reduce((best, one, n) => (Math.abs(one - value) < Math.abs(values[best] - value) ? n : best), 0);
    show();
  };
  const unheard = () => slider.told !== null && slider.data.heard !== slider.told.number
    && performance.now() < slider.toldAt + LOST_MS;
  const onItsWay = () => slider.pause !== null || slider.dragged || unheard();
  const settle = () => onItsWay() || put(slider.data.value);
  const tell = () => {
    clearTimeout(slider.pause);
    slider.pause = null;
    if (slider.under === (unheard() ? slider.told.value : slider.data.value)) return;
    slider.told = { value: slider.under, number: Math.max(Date.now(), (slider.told?.number ?? 0) + 1) };
    slider.toldAt = performance.now();
    setTriggerValue("moved", slider.told);
    setTimeout(settle, LOST_MS);
  };
  const moved = () => {
    slider.under = values[Number(input.value)];
    show();
    clearTimeout(slider.pause);
    slider.pause = null;
    if (slider.dragged || performance.now() < slider.toldAt + 2 * PAUSE_MS) slider.pause = setTimeout(tell, PAUSE_MS);
    else tell();
  };

  label.textContent = data.label;
  tip.textContent = data.help;
  help.setAttribute("aria-label", `What is ${data.label}?`);
  input.max = values.length - 1;
  input.oninput = moved;
  input.onpointerdown = () => (slider.dragged = true);
  input.onpointerup = input.onpointercancel = input.onchange = () => {
    if (!slider.dragged) return; // a key's press
    slider.dragged = false;
    if (slider.pause !== null) tell();
  };
  onItsWay() ? put(slider.under) : put(data.value);
}
