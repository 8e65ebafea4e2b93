"use strict";
const $ = (id) => document.getElementById(id);
const NBSP = "\u00a0";
const EXACT = 1e-12, HELPS = 0.01;
const ORDER = ["theta", "alpha", "rank", "lam", "round"];
const SHORT = { theta: "Turn θ", alpha: "Heterogeneity α", rank: "Rank r", lam: "Strength λ", round: "Round" };
const dark = matchMedia("(prefers-color-scheme: dark)"), slim = matchMedia("(max-width: 760px)");
let D, at = {}, step = 0, guesses = [], spoken;

/* ---------- numbers as text: the same rules as in the lab ---------- */
function rounded(number, digits) { // exact ties go to the even digit, as in Python
  const scale = 10 ** digits, near = number * scale;
  const tie = Number.isInteger(number * 8) && Math.abs(near % 1) === 0.5;
  return tie ? (2 * Math.round(near / 2)) / scale : Number(number.toFixed(digits));
}
function percent(share) {
  const value = 100 * share, size = Math.abs(value);
  if (size <= 100 * EXACT) return `0${NBSP}%`;
  if (value >= 99.5 && value < 99.95) return `${value.toFixed(1)}${NBSP}%`;
  const digits = size >= 9.95 ? 0 : (size >= 0.1 ? 1 : 0) - Math.floor(Math.log10(size));
  return `${rounded(value, digits)}${NBSP}%`;
}
const whole = (share) => rounded(100 * share, 0);
const points = (n) => `${n}${NBSP}${Math.abs(n) === 1 ? "point" : "points"}`.replace("-", "−");
const value = (key, i = at[key]) => (key === "round" ? i : D.axes[key][i]);
const text = (key, i = at[key]) => (key === "theta" ? `${value(key, i)}°` : String(value(key, i)));
const filled = (template, facts) => template.replace(/\{(\w+)\}/g, (all, name) => facts[name] ?? all);

/* ---------- the run on show ---------- */
function shown() {
  const a = D.axes, n = (at.theta * a.alpha.length + at.alpha) * a.rank.length + at.rank;
  const run = D.runs[n], aligned = run.aligned[at.lam], t = at.round;
  const last = (arm) => Math.min(t, arm.score.length - 1);
  return { run, naive: run.naive, aligned, t, tn: last(run.naive), ta: last(aligned), hash: run.hash[at.lam] };
}
function facts() {
  const { run, t } = shown(), half = (value("theta") * Math.PI) / 360;
  return {
    theta: text("theta"), round: t, start: percent(run.start), centralised: percent(run.centralised[t]),
    cos: percent(Math.cos(half)), cos2: percent(Math.cos(half) ** 2), ...D.count,
  };
}
function gain({ naive, aligned, tn, ta }) {
  return whole(aligned.score[ta]) - whole(naive.score[tn]);
}

/* ---------- titles: the finding, with the numbers of this run ---------- */
function stops(s) {
  const ended = [["naive", s.tn], ["aligned", s.ta]].filter(([arm]) => s[arm].score.length <= s.t);
  return ended.map(([arm, t]) => (t < 0 ? s[arm].stopped : `${D.methods[arm].label} stopped after round ${t}`)).join("; ");
}
function arrowsTitle(s) {
  const [naive, turned] = s.aligned.kept[s.ta];
  if (s.ta === 0) return `Round 0: no client turns yet, and averaging keeps ${percent(naive)} of the arrow`;
  if (value("lam") === 0) return `λ = 0 turns no client: averaging keeps ${percent(naive)} of the arrow`;
  if (turned > naive + HELPS)
    return `Averaging as sent keeps ${percent(naive)} of the arrow; turning first keeps ${percent(turned)}`;
  if (turned < naive - HELPS)
    return `Turning hurts here: as sent ${percent(naive)} of the arrow is kept, turned first ${percent(turned)}`;
  return `Turning does not help here: ${percent(naive)} of the arrow is kept as sent, ${percent(turned)} turned`;
}
function learningTitle(s) {
  const naive = percent(s.naive.score[s.tn]), aligned = percent(s.aligned.score[s.ta]), n = gain(s);
  const both = `${aligned} against ${naive}; centralised ${percent(s.run.centralised[s.t])}`;
  if (n > D.count.tie) return `Round ${s.t}: turning first gains ${points(n)}, ${both}`;
  if (n < -D.count.tie) return `Round ${s.t}: turning first costs ${points(-n)}, ${both}`;
  return `Round ${s.t}: turning first makes next to no difference, ${both}`;
}
function errorsTitle(s) {
  const naive = s.naive.error[s.tn], aligned = s.aligned.error[s.ta];
  const both = `naive averaging is off the ideal update by ${percent(naive)}, turned first by ${percent(aligned)}`;
  if (Math.max(naive, aligned) < 1.05 * Math.min(naive, aligned))
    return `Round ${s.t}: turning hardly changes the error, ${percent(naive)} against ${percent(aligned)}`;
  return aligned > naive ? `Round ${s.t}, turning hurts: ${both}` : `Round ${s.t}: ${both}`;
}

/* ---------- figures ---------- */
const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true };
const theme = () => D.theme[dark.matches ? "dark" : "light"];
const hue = (arm) => theme().hues[D.methods[arm].hue];

function arrow(tips, colour, width, head, reach) {
  const x = [], y = [], size = [];
  for (const [px, py] of tips) {
    x.push(0, px, null);
    y.push(0, py, null);
    size.push(0, Math.min(head, Math.max(4, (80 * Math.hypot(px, py)) / reach)), 0);
  }
  return {
    type: "scatter", mode: "lines+markers", x: x.slice(0, -1), y: y.slice(0, -1), hoverinfo: "skip",
    line: { color: colour, width }, marker: { symbol: "arrow", angleref: "previous", size: size.slice(0, -1), color: colour, opacity: 1, line: { width: 0 } },
  };
}
function box(arm) {
  const every = [...arm.sent, ...arm.turned, ...arm.means].flat();
  const wide = Math.max(1.08, ...every.map((p) => Math.abs(p[0])));
  return { x: 1.06 * wide, low: Math.min(-0.18, 1.06 * Math.min(...every.map((p) => p[1]))), high: 1.08 * Math.max(1.05, ...every.map((p) => p[1])) };
}
function plane(id, traces, b) {
  const c = theme(), angle = [...Array(97).keys()].map((n) => (n * Math.PI) / 48);
  const ring = {
    type: "scatter", mode: "lines", x: angle.map(Math.cos), y: angle.map(Math.sin), hoverinfo: "skip",
    line: { color: c.muted, width: 1, dash: "4px,4px" },
  };
  const axis = { fixedrange: true, showgrid: false, zeroline: true, zerolinecolor: c.grid, showticklabels: false, ticks: "" };
  Plotly.react(id, [ring, ...traces], {
    xaxis: { ...axis, range: [-b.x, b.x] }, yaxis: { ...axis, range: [b.low, b.high], scaleanchor: "x" },
    margin: { l: 2, r: 2, t: 4, b: 2 }, showlegend: false, paper_bgcolor: c.paper, plot_bgcolor: c.paper, dragmode: false, hovermode: false,
  }, CONFIG);
}
function drawArrows(s) {
  const c = theme(), arm = s.aligned, t = s.ta, b = box(arm), reach = b.x;
  const [naive, turned] = arm.kept[t], [meanSent, meanTurned] = arm.means[t];
  plane("plot-sent", [arrow(arm.sent[t], c.muted, 1.75, 9, reach)], b);
  plane("plot-naive", [arrow(arm.sent[t], c.ghost, 1.5, 8, reach), arrow([meanSent], hue("naive"), 5, 16, reach)], b);
  plane("plot-turned", [arrow(arm.turned[t], c.ghost, 1.5, 8, reach), arrow([meanTurned], hue("aligned"), 5, 16, reach)], b);
  $("keeps-sent").textContent = `${arm.sent[t].length} clients`;
  $("keeps-naive").textContent = `keeps ${percent(naive)}`;
  $("keeps-turned").textContent = `keeps ${percent(turned)}`;
  for (const [id, share] of [["sent", 1], ["naive", naive], ["turned", turned]])
    $(`bar-${id}`).firstElementChild.style.width = `${100 * Math.min(1, share)}%`;
  const column = arm.column[t], input = D.inputs.length ? `, ${D.inputs[column]}` : "";
  $("arrows-remark").textContent =
    `An arrow is column ${column} of each client's A, ${D.layers[0][0]}${input}, as uploaded in the ${D.methods.aligned.label} run. ` +
    `The plane shows ${percent(arm.shown[t])} of the arrows. The ring and the bars show the mean arrow length over all ${value("rank")} latent axes.` +
    (t === 0 ? " In round 0 there is nothing to turn onto: the broadcast has B = 0." : "");
  const alt = `${arrowsTitle(s)}. Round ${s.t}, θ ${text("theta")}, ${arm.sent[t].length} clients: arrows as sent, their naive mean, and the mean after turning.`;
  return alt;
}
function endLabels(items, c, gap) {
  const rows = items.sort((a, b) => a.height - b.height);
  let floor = 0;
  for (const row of rows) {
    row.size = gap * row.text.split("<br>").length;
    row.y = Math.max(row.height, floor + row.size / 2);
    floor = row.y + row.size / 2;
  }
  let roof = 1;
  for (const row of [...rows].reverse()) {
    row.y = Math.min(row.y, roof - row.size / 2);
    roof = row.y - row.size / 2;
  }
  return rows.map((row) => ({
    xref: "paper", yref: "paper", x: 1, xanchor: "left", xshift: 6, y: row.y, yanchor: "middle", text: row.text,
    showarrow: false, align: "left", font: { size: 13, color: row.colour },
  }));
}
function series(id, s, lines, labels, yaxis, extra) {
  const c = theme(), last = D.rounds - 1, narrow = slim.matches;
  const axis = { gridcolor: c.grid, linecolor: c.ghost, zeroline: false, ticks: "outside", tickcolor: c.ghost, ticklen: 4, fixedrange: true, tickfont: { size: 12 } };
  const layout = {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: c.ink }, paper_bgcolor: c.paper, plot_bgcolor: c.paper,
    margin: { l: narrow ? 48 : 62, r: narrow ? 104 : 146, t: 8, b: 44 }, showlegend: false, hovermode: "closest", dragmode: false,
    xaxis: { ...axis, title: { text: "round", standoff: 6 }, range: [-0.5, last + 0.5], showgrid: false, dtick: Math.max(1, Math.ceil((last + 1) / 10)), tick0: 0 },
    yaxis: { ...axis, ...yaxis, title: { text: narrow ? "" : yaxis.title, standoff: 6 } },
    shapes: [{ type: "line", xref: "x", yref: "paper", x0: s.t, x1: s.t, y0: 0, y1: 1, layer: "below", line: { color: c.muted, width: 1.5 } }],
    annotations: endLabels(labels, c, 0.085),
  };
  Plotly.react(id, [...extra, ...lines], layout, CONFIG);
  const plot = $(id);
  if (!plot.listens) {
    plot.listens = true;
    plot.on("plotly_click", (event) => choose("round", Math.round(event.points[0].x)));
  }
}
function line(arm, y, label) {
  const card = D.methods[arm], c = theme();
  return {
    type: "scatter", mode: "lines+markers", x: y.map((_, n) => n), y, name: card.label, cliponaxis: false,
    line: { color: hue(arm), width: 2.5, dash: card.dash },
    marker: { symbol: card.symbol, size: 8, color: hue(arm), line: { width: 1, color: c.paper } },
    customdata: y.map(label), hovertemplate: `${card.label}, round %{x}: %{customdata}<extra></extra>`,
  };
}
const named = (arm) => D.methods[arm].label;
const QUARTERS = [0, 0.25, 0.5, 0.75, 1];
function drawLearning(s) {
  const c = theme(), rounds = D.rounds;
  const extra = [
    { type: "scatter", mode: "lines", x: [-0.5, rounds - 0.5], y: [s.run.start, s.run.start], hoverinfo: "skip", line: { color: c.muted, width: 1.5, dash: "1px,4px" } },
    {
      type: "scatter", mode: "lines", x: s.run.centralised.map((_, n) => n), y: s.run.centralised, line: { color: c.ink, width: 2, dash: "dot" },
      customdata: s.run.centralised.map(percent), hovertemplate: "centralised, round %{x}: %{customdata}<extra></extra>",
    },
  ];
  const ends = [
    { height: s.run.start, text: "before training", colour: c.muted },
    { height: s.run.centralised.at(-1), text: `<b>${percent(s.run.centralised.at(-1))}</b> centralised`, colour: c.ink },
  ];
  for (const arm of ["naive", "aligned"])
    if (s[arm].score.length) ends.push({ height: s[arm].score.at(-1), text: `<b>${percent(s[arm].score.at(-1))}</b> ${named(arm)}`, colour: hue(arm) });
  series("plot-learning", s, [line("naive", s.naive.score, percent), line("aligned", s.aligned.score, percent)], wrapped(ends),
    { title: D.score, range: [0, 1], tickvals: QUARTERS, ticktext: QUARTERS.map(percent) }, extra);
  return `${D.score[0].toUpperCase()}${D.score.slice(1)} by round. ${learningTitle(s)}; before training ${percent(s.run.start)}.`;
}
function wrapped(ends) {
  return slim.matches ? ends.map((end) => ({ ...end, text: end.text.replace("</b> ", "</b><br>").replace("before training", "before<br>training") })) : ends;
}
function decades() {
  const every = D.runs.flatMap((run) => [run.naive, ...run.aligned].flatMap((arm) => arm.error)).filter((v) => v > EXACT).map(Math.log10);
  const high = Math.max(0, Math.ceil(every.reduce((a, b) => Math.max(a, b), 0)));
  const low = Math.floor(every.reduce((a, b) => Math.min(a, b), -2));
  return [Math.min(low, high - 2), high];
}
function drawErrors(s) {
  const [low, high] = D.decades ?? (D.decades = decades()), steps = [];
  for (let n = low; n <= high; n++) steps.push(10 ** n);
  const level = (v) => Math.max(0, Math.min(1, (Math.log10(Math.max(v, 10 ** low)) - low) / (high - low)));
  const drawn = (values) => values.map((v) => Math.max(v, 10 ** low));
  const ends = ["naive", "aligned"].filter((arm) => s[arm].error.length).map((arm) => ({
    height: level(s[arm].error.at(-1)), text: `<b>${percent(s[arm].error.at(-1))}</b> ${named(arm)}`, colour: hue(arm),
  }));
  const lines = ["naive", "aligned"].map((arm) => ({ ...line(arm, drawn(s[arm].error), percent), customdata: s[arm].error.map(percent) }));
  series("plot-errors", s, lines, wrapped(ends),
    { title: "relative error (log)", type: "log", range: [low, high], tickvals: steps, ticktext: steps.map(percent) }, []);
  return `Aggregation error by round, logarithmic: distance of the server's update from the ideal one, over its size. ${errorsTitle(s)}.`;
}

/* ---------- the page ---------- */
function table(s) {
  const head = ["round", `${named("naive")}: ${D.score}`, `${named("aligned")}: ${D.score}`, "centralised", `${named("naive")}: error`,
    `${named("aligned")}: error`, "arrow kept as sent", "arrow kept if turned"];
  const cell = (list, t, i) => (t < list.length ? percent(i === undefined ? list[t] : list[t][i]) : "stopped");
  $("table-caption").textContent = `θ ${text("theta")}, λ ${text("lam")}, α ${text("alpha")}, r ${text("rank")}, run ${s.hash}`;
  const thead = $("numbers").querySelector("thead"), tbody = $("numbers").querySelector("tbody");
  const row = (tag, cells) => {
    const tr = document.createElement("tr");
    for (const [n, content] of cells.entries()) {
      const td = document.createElement(n && tag === "td" ? "td" : "th");
      td.scope = tag === "th" ? "col" : "row";
      td.textContent = content;
      tr.append(td);
    }
    return tr;
  };
  thead.replaceChildren(row("th", head));
  tbody.replaceChildren(...s.run.centralised.map((centralised, t) => {
    const tr = row("td", [t, cell(s.naive.score, t), cell(s.aligned.score, t), percent(centralised), cell(s.naive.error, t),
      cell(s.aligned.error, t), cell(s.aligned.kept, t, 0), cell(s.aligned.kept, t, 1)]);
    tr.className = t === s.t ? "now" : "";
    return tr;
  }));
}
function command() {
  const frames = value("theta") ? `turned --theta ${value("theta")}` : "trained";
  return `fedrot run --frames ${frames} --alpha ${value("alpha")} --rank ${value("rank")} --lam ${value("lam")}` +
    ` --arms ${D.methods.naive.name},${D.methods.aligned.name}${D.flags}`;
}
const pending = () => D.steps[step].guess && guesses[step] === undefined;

function draw() {
  const s = shown(), guess = pending() ? D.steps[step].guess.answer : "";
  const able = s.tn >= 0 && s.ta >= 0, ended = stops(s);
  $("arrows").classList.toggle("half", guess === "kept");
  $("arrows").classList.toggle("covered", guess !== "" && guess !== "kept");
  for (const id of ["learning", "errors"]) $(id).classList.toggle("covered", guess !== "");
  $("numbers").hidden = guess !== "";
  for (const [id, question, title, paint, image] of [
    ["arrows", "What does averaging keep of the clients' arrows?", arrowsTitle, drawArrows, $("arrows").querySelector(".shown")],
    ["learning", `Which ${D.score} does the model reach?`, learningTitle, drawLearning, $("plot-learning")],
    ["errors", "How far is the server's update from the ideal?", errorsTitle, drawErrors, $("plot-errors")],
  ]) {
    $(`${id}-title`).textContent = guess ? question : able ? title(s) + (ended ? ` (${ended})` : "") : ended;
    if (!able || $(id).classList.contains("covered")) continue;
    const alt = paint(s);
    image.setAttribute("aria-label", guess ? `${question} Covered until you have guessed.` : alt);
  }
  if (!guess && s.tn >= 0 && s.ta >= 0) table(s);
  $("run").textContent = `Run ${s.hash}, seed ${D.seed}, engine version ${D.engine}.`;
  $("command").textContent = command();
  words();
}
function words() {
  const now = D.steps[step], known = facts();
  $("step-text").textContent = filled(now.text, known);
  $("step-do").textContent = now.do;
  $("guess").hidden = !pending();
  $("answer").hidden = !now.guess || pending();
  if (now.guess) $("guess-question").textContent = filled(now.guess.question, known);
}
function truth(kind) {
  const s = shown();
  if (kind === "kept") return { number: 100 * s.aligned.kept[s.ta][0], text: percent(s.aligned.kept[s.ta][0]) };
  if (kind === "naive") return { number: 100 * s.naive.score[s.tn], text: percent(s.naive.score[s.tn]) };
  return { number: gain(s), text: points(gain(s)) };
}
function reveal(guessed) {
  const asked = D.steps[step].guess, found = truth(asked.answer);
  const lines = [];
  if (guessed === null) lines.push(`The run says `, found.text, ".");
  else {
    const off = Math.abs(Math.round(guessed) - Math.round(found.number));
    lines.push("You guessed ", asked.answer === "gain" ? points(guessed) : `${guessed}${NBSP}%`, "; the run says ", found.text,
      off ? `: ${points(off)} too ${guessed < found.number ? "low" : "high"}.` : ": spot on.");
  }
  const first = document.createElement("p"), strong = document.createElement("strong"), after = document.createElement("p");
  strong.textContent = lines[lines.length - 2];
  first.append(lines.slice(0, -2).join(""), strong, lines.at(-1));
  after.textContent = filled(asked.after, facts());
  guesses[step] = [first, after];
  $("answer").replaceChildren(first, after);
  draw();
  $("next").focus({ preventScroll: true });
}
function enter(n, focus) {
  step = Math.max(0, Math.min(D.steps.length - 1, n));
  const now = D.steps[step];
  for (const [key, wanted] of Object.entries(now.go)) set(key, wanted === "last" ? D.rounds - 1 : key === "round" ? wanted : nearest(D.axes[key], wanted));
  $("step-count").textContent = `Step ${step + 1} of ${D.steps.length}`;
  $("step-title").textContent = now.title;
  $("back").disabled = step === 0;
  $("next").disabled = step === D.steps.length - 1;
  if (now.guess) {
    const gains = now.guess.answer === "gain";
    $("guess-unit").textContent = gains ? "points" : "%";
    Object.assign($("guess-value"), { min: now.guess.low, max: now.guess.high, value: "" });
    if (guesses[step]) $("answer").replaceChildren(...guesses[step]);
  }
  draw();
  if (focus) $("step-title").focus({ preventScroll: false });
}
function nearest(values, wanted) {
  return values.reduce((best, v, n) => (Math.abs(v - wanted) < Math.abs(values[best] - wanted) ? n : best), 0);
}
function set(key, i) {
  at[key] = i;
  const input = $(`slider-${key}`);
  input.value = i;
  input.setAttribute("aria-valuetext", text(key));
  $(`out-${key}`).textContent = text(key);
}
function choose(key, i) {
  if (at[key] === i) return;
  set(key, i);
  draw();
  clearTimeout(spoken);
  spoken = setTimeout(() => {
    $("status").textContent = pending() ? "" : `${$("learning-title").textContent}. ${$("arrows-title").textContent}.`;
  }, 500);
}
function sliders() {
  for (const key of ORDER) {
    const count = key === "round" ? D.rounds : D.axes[key].length;
    const marks = [...Array(count).keys()].filter((n) => key !== "round" || n % Math.ceil(count / 10) === 0 || n === count - 1);
    const part = document.createElement("div");
    part.className = "slider";
    const label = Object.assign(document.createElement("label"), { htmlFor: `slider-${key}`, title: D.names[key]?.help ?? "" });
    label.append(Object.assign(document.createElement("span"), { textContent: SHORT[key] }), Object.assign(document.createElement("output"), { id: `out-${key}` }));
    const input = Object.assign(document.createElement("input"), { type: "range", id: `slider-${key}`, min: 0, max: count - 1, step: 1 });
    input.addEventListener("input", () => choose(key, Number(input.value)));
    const ticks = Object.assign(document.createElement("div"), { className: "ticks" });
    ticks.setAttribute("aria-hidden", "true");
    if (key === "round") ticks.append(...[0, count - 1].map((n) => Object.assign(document.createElement("span"), { textContent: n })));
    else ticks.append(...marks.map((n) => Object.assign(document.createElement("span"), { textContent: text(key, n) })));
    part.append(label, input, ticks);
    $("sliders").append(part);
    set(key, 0);
  }
}
async function unpacked(id) {
  const bytes = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
  $(id).remove();
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
async function main() {
  if (typeof DecompressionStream === "undefined") return;
  $("problem").textContent = "Unpacking the runs.";
  const code = document.createElement("script");
  code.textContent = await unpacked("plotly");
  document.head.append(code);
  D = JSON.parse(await unpacked("data"));
  $("problem").hidden = true;
  $("page").hidden = false;
  sliders();
  $("back").addEventListener("click", () => enter(step - 1, true));
  $("next").addEventListener("click", () => enter(step + 1, true));
  $("guess").addEventListener("submit", (event) => {
    event.preventDefault();
    reveal(Number($("guess-value").value));
  });
  $("guess-skip").addEventListener("click", () => reveal(null));
  dark.addEventListener("change", draw);
  slim.addEventListener("change", draw);
  enter(0, false);
  document.documentElement.dataset.ready = "1";
}
main().catch((error) => {
  $("problem").hidden = false;
  $("problem").textContent = `The page could not unpack itself (${error.message}). Open it in a browser from 2023 or newer.`;
});
