/* Plotly's own script, loaded once for a page; it lies beside Streamlit's, below whatever path the app is served at. */

function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  window.__fedrotPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const [own] = document.querySelectorAll('script[src*="/static/"]');
    script.src = new URL("../../vendor/plotly.min.js", own.src).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return window.__fedrotPlotly;
}
