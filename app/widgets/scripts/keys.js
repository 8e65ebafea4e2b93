/* Keys of a lesson and of a lecture room: next, back, play, reveal, leave, turn, figures by number. Silent while a control
   that uses keys itself has the focus. A wish in `presses` is the press of a button on the page; any other is told. */

const KEYS = {
  ArrowRight: "next", PageDown: "next", ArrowLeft: "back", PageUp: "back",
  p: "play", P: "play", " ": "play", r: "reveal", R: "reveal", Escape: "leave",
  t: "turn", T: "turn", ...Object.fromEntries([..."123456789"].map((digit) => [digit, digit])),
};
const OWN = 'input, textarea, select, [role="slider"], [role="radio"], [role="combobox"], [role="tab"], [contenteditable]';
const PRESSED_BY_SPACE = 'button, a, summary, [role="button"]';

let listener = null;

export default function ({ data, parentElement, setTriggerValue }) {
  if (listener) document.removeEventListener("keydown", listener);
  listener = (event) => {
    if (!parentElement.isConnected) return;
    const wish = KEYS[event.key];
    if (!wish || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const at = event.target;
    if (at.closest(OWN) || (event.key === " " && at.closest(PRESSED_BY_SPACE)) || document.querySelector('[role="dialog"]')) return;
    if (!data.wishes.includes(wish)) return;
    event.preventDefault();
    const button = data.presses?.[wish];
    if (button) document.querySelector(button)?.click();
    else setTriggerValue("wish", wish);
  };
  document.addEventListener("keydown", listener);
}
