/* Has the whole page run again when a lost connection is back: the server may be another one by then, which knows nothing
   of this page but its address. */

const [STATE, CONNECTED] = ["data-test-connection-state", "CONNECTED"];

let tell = null;
let lost = false;

function look(app) {
  const connected = app.getAttribute(STATE) === CONNECTED;
  if (connected && lost) tell?.();
  lost = !connected;
}

const watch = new MutationObserver((changes) => changes.forEach((change) => look(change.target)));

export default function ({ setTriggerValue }) {
  if (tell === null) watch.observe(document.querySelector(`[${STATE}]`), { attributes: true, attributeFilter: [STATE] });
  tell = () => setTriggerValue("back", Date.now());
}
