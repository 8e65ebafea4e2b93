/* A slide does not scroll: where the words beside its picture need more height than there is, they are set smaller. */

const COLUMN = '.stColumn:has(.st-key-lesson_words):not(:has(.st-key-lesson_picture))';
const SMALLEST = 0.74, STEP = 0.02;

let watch = null;

function fit() {
  const column = document.querySelector(COLUMN), words = column?.firstElementChild;
  if (!words) return;
  for (let scale = 1; scale >= SMALLEST; scale -= STEP) {
    words.style.zoom = scale;
    if (words.getBoundingClientRect().bottom <= window.innerHeight - 6) return;
  }
}

export default function ({ parentElement }) {
  watch?.disconnect();
  watch = new ResizeObserver(fit);
  [document.documentElement, ...document.querySelectorAll(`${COLUMN} .stVerticalBlock`)].forEach((node) => watch.observe(node));
  fit();
  return () => watch.disconnect();
}
