/* Keeps in this tab, and nowhere else, what its session needs to have its room again after a reload: a random name, or the
   secret of whoever leads it. Another tab, a shared link or a later visit does not have it. */

const KEY = "fedrot-room";

export default function ({ data, setTriggerValue }) {
  try {
    if (data.keep) sessionStorage.setItem(KEY, JSON.stringify(data.keep));
    else if (data.forget) sessionStorage.removeItem(KEY);
    else {
      const kept = sessionStorage.getItem(KEY);
      if (kept) setTriggerValue("found", JSON.parse(kept));
    }
  } catch {
    // a browser that keeps nothing, or junk: a reload leaves the room
  }
}
