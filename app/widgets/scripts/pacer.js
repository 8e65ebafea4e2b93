/* Asks for the next look at work that is under way, once the last one is drawn: a page that is slow to draw, or a server
   that is slow to answer, shows fewer looks rather than all of them late. */

const LOOK_MS = 30;
const LOST_MS = 3000; // an answer that has not begun by then never will

const timers = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  clearTimeout(timers.get(parentElement));
  const due = performance.now() + 1000 * data.seconds;
  let asked = null;
  const again = () => timers.set(parentElement, setTimeout(look, LOOK_MS));
  function look() {
    if (!parentElement.isConnected) return;
    const now = performance.now();
    const running = !document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]');
    const drawing = document.querySelector('[aria-busy="true"]') || (data.waits && document.querySelector('[role="dialog"]'));
    if (asked === null ? now >= due && !running && !drawing : now > asked + LOST_MS && !running) {
      asked = now;
      setTriggerValue("look", data.look);
    }
    again();
  }
  again();
  return () => clearTimeout(timers.get(parentElement));
}
