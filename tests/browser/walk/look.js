/* What is wrong with what is on the screen, in sentences: text that is cut or overlaps, targets too small for a finger. */
(() => {
  const SLACK = 1.5; // pixels, for rounding
  const LEADING = 0.25; // share of a line's height that holds no ink
  const [OVERLAP_X, OVERLAP_Y] = [2, 0.3]; // pixels, and share of the lower text's height, that two texts may share
  const FINGER = 44; // pixels
  const OWN = 'button, a[href], summary, input, textarea, [role="button"], [role="tab"], [role="radio"], [role="slider"]';

  const words = (text) => text.replace(/\s+/g, " ").trim();
  const quoted = (text) => `“${words(text).slice(0, 60)}”`;
  const shown = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
  const box = (e) => e.getBoundingClientRect();
  const corners = (r) => [[r.left, r.top], [r.right, r.top], [r.right, r.bottom], [r.left, r.bottom]];

  /* What a person can reach now: the open dialog or menu alone, else the page. */
  function stage() {
    const over = [...document.querySelectorAll('dialog, [role="dialog"], [data-testid="stPopoverBody"]')].filter(shown);
    return over.at(-1) ?? document.querySelector('[data-testid="stApp"]');
  }

  /* Not for eyes: for screen readers alone, put aside with the sidebar, letters of the icon font, formulas' second form. */
  function unseen(e) {
    if (e.closest('style, script, noscript, title, .katex-mathml, [data-testid="stIconMaterial"], [data-testid="stSkeleton"]')) return true;
    if (e.closest('[data-testid="stSidebar"][data-collapsed="true"]')) return true;
    for (let up = e; up && up !== document.body; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (style.clipPath === "inset(50%)" || style.clip === "rect(0px, 0px, 0px, 0px)" || style.clip === "rect(1px, 1px, 1px, 1px)") return true;
      if (Number(style.opacity) < 0.05) return true;
    }
    return false;
  }

  /* Corners of an SVG text as it is drawn, turned or not. */
  function drawn(text) {
    const [b, m] = [text.getBBox(), text.getScreenCTM()];
    return corners(new DOMRect(b.x, b.y, b.width, b.height)).map(([x, y]) => [m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f]);
  }

  /* Every text on the stage: whose it is, what it says, and the corners of each line. */
  function texts(root) {
    const found = [];
    const seen = new Set();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!words(node.data)) continue;
      const owner = node.parentElement;
      const svg = owner.closest("svg text");
      const e = svg ?? owner;
      if (seen.has(svg) || !shown(e) || unseen(e)) continue;
      if (svg) {
        seen.add(svg);
        found.push({ e, text: svg.textContent, lines: [drawn(svg)], svg: true });
        continue;
      }
      const range = document.createRange();
      range.selectNodeContents(node);
      const lines = [...range.getClientRects()].filter((r) => r.width > 1 && r.height > 1).map(corners);
      if (lines.length) found.push({ e, text: node.data, lines, svg: false });
    }
    return found;
  }

  const bounds = (line) => {
    const [xs, ys] = [line.map((c) => c[0]), line.map((c) => c[1])];
    return new DOMRect(Math.min(...xs), Math.min(...ys), Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  };

  /* The box that cuts a line of text, if one does: [how, by how many pixels]. */
  function cut({ e, svg }, line, root) {
    const r = bounds(line);
    const sideways = (o, whose) => {
      const over = Math.max(o.left - r.left, r.right - o.right);
      return over > SLACK ? [`cut by ${whose}`, over] : null;
    };
    if (svg) {
      const figure = e.ownerSVGElement;
      let frame = figure;
      while (frame.ownerSVGElement) frame = frame.ownerSVGElement;
      const o = box(frame);
      const spare = LEADING * Math.min(r.width, r.height);
      const over = Math.max(o.left - r.left, r.right - o.right, o.top - r.top, r.bottom - o.bottom) - spare;
      if (over > SLACK) return ["outside its figure", over];
      const clipped = e.closest("[clip-path]");
      const name = clipped?.getAttribute("clip-path").match(/#([^'")]+)/)?.[1];
      const shape = name && document.getElementById(name)?.querySelector("rect");
      if (shape) {
        const m = clipped.getScreenCTM();
        const [x, y] = [m.a * shape.x.baseVal.value + m.e, m.d * shape.y.baseVal.value + m.f];
        const c = new DOMRect(x, y, m.a * shape.width.baseVal.value, m.d * shape.height.baseVal.value);
        const past = Math.max(c.left - r.left, r.right - c.right, c.top - r.top, r.bottom - c.bottom) - spare;
        const gone = r.right < c.left || r.left > c.right || r.bottom < c.top || r.top > c.bottom;
        if (past > SLACK && !gone) return ["cut by its panel", past];
      }
    }
    let free = false; // an absolute box is clipped by boxes from its positioned ancestor on
    let [rolls, slides] = [false, false]; // what scrolls may be brought into sight
    for (let up = svg ? e.ownerSVGElement.parentElement : e; up && root.contains(up); up = up.parentElement) {
      const style = getComputedStyle(up);
      const holds = !(free && style.position === "static");
      if (holds) free = false;
      if (holds && style.display !== "inline") {
        const o = box(up);
        if (!slides && /hidden|clip/.test(style.overflowX)) {
          const found = sideways(o, up.className || up.tagName);
          if (found) return found;
        }
        if (!rolls && /hidden|clip/.test(style.overflowY)) {
          const over = Math.max(o.top - r.top, r.bottom - o.bottom) - LEADING * r.height;
          if (over > SLACK) return [`cut by ${up.className || up.tagName}`, over];
        }
        rolls ||= /auto|scroll/.test(style.overflowY) && up.scrollHeight > up.clientHeight + 1;
        slides ||= /auto|scroll/.test(style.overflowX) && up.scrollWidth > up.clientWidth + 1;
      }
      if (style.position === "fixed") break;
      if (style.position === "absolute") free = true;
    }
    const over = slides ? 0 : Math.max(-r.left, r.right - innerWidth);
    return over > SLACK ? ["cut by the window", over] : null;
  }

  /* What lies over the page, if something is part of it: the bar that the page scrolls under, an explained term. */
  const above = (e) => e.closest(`[data-testid="stHeader"], .st-key-room_open, .st-key-room_bar, .fedrot-tip, .told`);

  /* Whether two convex shapes share more than a hair: no line parts them. */
  function overlap(a, b) {
    const axes = [a, b].flatMap((s) => [0, 1].map((n) => [s[n + 1][0] - s[n][0], s[n + 1][1] - s[n][1]]));
    return axes.every(([x, y]) => {
      const size = Math.hypot(x, y) || 1;
      const reach = (s) => s.map(([u, v]) => (u * x + v * y) / size);
      const [p, q] = [reach(a), reach(b)];
      const common = Math.min(Math.max(...p), Math.max(...q)) - Math.max(Math.min(...p), Math.min(...q));
      const least = Math.min(Math.max(...p) - Math.min(...p), Math.max(...q) - Math.min(...q));
      return common > Math.max(OVERLAP_X, OVERLAP_Y * least);
    });
  }

  const targets = (root) =>
    [...root.querySelectorAll(OWN)]
      .filter((e) => !e.disabled && !e.closest('[data-testid="stSidebar"][data-collapsed="true"]') && e.getAttribute("aria-hidden") !== "true")
      .map((e) => {
        const label = /radio|checkbox/.test(e.type) || e.getAttribute("role") === "radio" ? (e.closest("label") ?? e) : e;
        return [e, label];
      })
      .filter(([, label]) => shown(label) && !unseen(label) && box(label).width > 1);

  /* A target's own reach: its box, and what is laid around it for fingers. */
  function reach(e) {
    const r = box(e);
    const around = getComputedStyle(e, "::after");
    const laid = around.content !== "none" && around.position === "absolute" ? [parseFloat(around.width), parseFloat(around.height)] : [0, 0];
    return [Math.max(r.width, laid[0] || 0), Math.max(r.height, laid[1] || 0)];
  }

  /* A control's name, without the letters of its icon. */
  function named(e) {
    const text = (node) => {
      const copy = node.cloneNode(true);
      copy.querySelectorAll('[data-testid="stIconMaterial"]').forEach((icon) => icon.remove());
      return copy.textContent;
    };
    return words(e.getAttribute("aria-label") || (e.labels?.[0] ? text(e.labels[0]) : "") || text(e) || e.title || "");
  }

  window.__look = {
    shift: 0, // layout shift since the page was opened
    taken: false, // whether somebody has kept the last key from doing what it does by itself

    faults(touch) {
      const root = stage();
      const found = [];
      const all = texts(root);
      for (const text of all) {
        const worst = text.lines.map((line) => cut(text, line, root)).find(Boolean);
        if (worst && !text.e.closest(".katex")) found.push(`${quoted(text.text)} is ${worst[0]} (${worst[1].toFixed(0)} px)`);
      }
      const lines = all
        .filter((t) => !t.e.closest(".katex"))
        .flatMap((t) => t.lines.map((line) => ({ ...t, line, r: bounds(line) })));
      lines.forEach((a, n) => {
        for (const b of lines.slice(n + 1)) {
          if (a.e === b.e || a.e.contains(b.e) || b.e.contains(a.e) || above(a.e) !== above(b.e)) continue;
          const apart = a.r.right < b.r.left || b.r.right < a.r.left || a.r.bottom < b.r.top || b.r.bottom < a.r.top;
          if (!apart && overlap(a.line, b.line)) found.push(`${quoted(a.text)} and ${quoted(b.text)} overlap`);
        }
      });
      for (const field of root.querySelectorAll('input[type="text"], input:not([type])')) {
        if (shown(field) && !unseen(field) && field.scrollWidth > field.clientWidth + 1) found.push(`${quoted(field.value)} is cut by its field`);
      }
      const main = document.querySelector('[data-testid="stMain"]');
      if (main && main.scrollWidth > main.clientWidth + 1) found.push(`the page is ${main.scrollWidth - main.clientWidth} px wider than the window`);
      if (touch) {
        for (const [e, label] of targets(root)) {
          if (getComputedStyle(e).display === "inline") continue; // within a sentence
          const [width, height] = reach(label);
          if (Math.min(width, height) < FINGER - 0.5) found.push(`${quoted(named(e) || e.outerHTML)} is ${width.toFixed(0)} × ${height.toFixed(0)} px to a finger`);
        }
      }
      return [...new Set(found)];
    },

    /* How far the page reaches below the window. */
    below() {
      const main = document.querySelector('[data-testid="stMain"]');
      return main ? main.scrollHeight - main.clientHeight : 0;
    },

    /* What stands on the stage to be read, a text a line. */
    said: () => texts(stage()).map((t) => words(t.text)),

    /* Names of everything that can be used or read as a heading on the page. */
    controls() {
      const root = stage();
      const more = [...root.querySelectorAll('label, legend, h1, h2, h3, [data-testid="stWidgetLabel"], [role="group"], [role="radiogroup"]')];
      return [...new Set([...targets(root).map(([e]) => named(e)), ...[...root.querySelectorAll("button[disabled]"), ...more].map(named)])].filter(Boolean);
    },
  };

  addEventListener("keydown", (event) => (window.__look.taken = event.defaultPrevented));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      window.__look.shift += entry.value;

    }
  }).observe({ type: "layout-shift", buffered: true });
})();
