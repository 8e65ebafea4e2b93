/* While a page builds up for the first time it is not shown: elements come one by one, and each would push the others
   about. It appears as a whole once a run of the page has ended and all that came with it is drawn. */
(() => {
  const root = document.documentElement;
  const UNDRAWN_MS = 5000; // longest wait for charts once everything else is there: they may take long, or never come

  root.classList.add("fedrot-opening");
  let [still, ended] = [0, null];
  function look() {
    const seen = (selector) => document.querySelector(selector) !== null;
    const built = seen('[data-testid="stApp"][data-test-script-state="notRunning"]') && seen('[data-testid="stMain"] .stElementContainer')
      && !seen('[data-testid="stSkeleton"], [data-testid="stAppSkeleton"]');
    ended = built ? (ended ?? performance.now()) : null;
    const charts = [...document.querySelectorAll('[class*="st-key-figure_"]')];
    const ready = charts.every((chart) => chart.querySelector(".plot[data-version]")) && !seen('[aria-busy="true"], .st-key-awaited');
    const drawn = built && (ready || performance.now() - ended > UNDRAWN_MS);
    still = drawn ? still + 1 : 0;
    if (still > 2) root.classList.remove("fedrot-opening");
    else requestAnimationFrame(look);
  }
  look();
})();
