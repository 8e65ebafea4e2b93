/* Asks for the next look at work that is under way, once the last one is drawn: a page that is slow to draw, or a server
   that is slow to answer, shows fewer looks rather than all of them late. */

const LOOK_MS = 30;
const LOST_MS = 3000; // an answer that has not begun by then never will

const AFTER_MS = 60; // what is about to end is looked at so long after it should have

const timers = new WeakMap();
const askedAt = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  clearTimeout(timers.get(parentElement));
  const came = performance.now();
  const before = askedAt.get(parentElement);
  const ends = data.left === null ? Infinity : 1000 * data.left + AFTER_MS;
  let due = null; // once this look is drawn
  let asked = null;
  const again = () => timers.set(parentElement, setTimeout(look, LOOK_MS));
  function look() {
    if (!parentElement.isConnected) return;
    const now = performance.now();
    const running = !document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]');
    const drawing = document.querySelector('[aria-busy="true"]') || (data.waits && document.querySelector('[role="dialog"]'));
    if (due === null && !running && !drawing) {
      const took = before === undefined ? 0 : now - before;
      due = Math.min(now + took, Math.max(now, came + ends));
      due = Math.max(due, came + 1000 * data.seconds);
    }
    if (asked === null ? due !== null && now >= due && !running && !drawing : now > asked + LOST_MS && !running) {
      asked = now;
      askedAt.set(parentElement, now);
      setTriggerValue("look", data.look);
    }
    again();
  }
  again();
  return () => clearTimeout(timers.get(parentElement));
}
