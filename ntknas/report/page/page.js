"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  // Okabe & Ito (2008); dark blue and black are replaced where the page is dark.
  const COLOURS = {
    light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00"],
    dark: ["#56B4E9", "#E69F00", "#29C79B", "#E9A1C9", "#F0E442", "#FF8A4C", "#FFFFFF", "#9AA7FF"],
  };
  const LISTED = 30;
  const byId = (id) => document.getElementById(id);
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let theme = remembered() || (system.matches ? "dark" : "light");

  function remembered() {
    try { return localStorage.getItem("ntknas-theme"); } catch { return null; }
  }

  function config() {
    const [text, line] = theme === "dark" ? ["#E4E8EC", "#3A424A"] : ["#1C2126", "#D4D9DE"];
    const words = { labelColor: text, titleColor: text };
    return {
      background: "transparent",
      font: "system-ui, sans-serif",
      axis: { ...words, gridColor: line, domainColor: text, tickColor: text, labelFontSize: 12,
        titleFontSize: 12, titleFontWeight: "normal", labelOverlap: true, labelFlush: false },
      legend: { ...words, orient: "top", labelFontSize: 12, titleFontSize: 12,
        titleFontWeight: "normal", columns: 3, labelLimit: 180, gradientLength: 150 },
      view: { stroke: null },
      range: { category: COLOURS[theme] },
    };
  }

  function draw(element, spec, renderer) {
    return vegaEmbed(element, spec, {
      mode: "vega-lite", actions: false, renderer, config: config(), tooltip: { theme },
    });
  }

  const number = (value) =>
    value === null || value === undefined ? "-" : Number(value.toPrecision(4)).toString();

  // Spearman's correlation: Pearson's correlation of mid-ranks.
  function spearman(rows) {
    const ranks = (key) => {
      const order = rows.map((row, i) => [row[key], i]).sort((a, b) => a[0] - b[0]);
      const result = new Array(rows.length);
      for (let start = 0, end; start < order.length; start = end) {
        for (end = start; end < order.length && order[end][0] === order[start][0];) end++;
        for (let i = start; i < end; i++) result[order[i][1]] = (start + end - 1) / 2;
      }
      return result;
    };
    const [a, b] = [ranks("x"), ranks("y")];
    const middle = (rows.length - 1) / 2;
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < rows.length; i++) {
      ab += (a[i] - middle) * (b[i] - middle);
      aa += (a[i] - middle) ** 2;
      bb += (b[i] - middle) ** 2;
    }
    return aa * bb > 0 ? ab / Math.sqrt(aa * bb) : null;
  }

  function scatter(chart, index) {
    const element = byId(`chart-${index}`);
    const control = Object.fromEntries(["x", "y", "c", "log-x", "log-y", "filter"].map(
      (name) => [name, byId(`${name}-${index}`)]));
    let view = null;
    let waiting = Promise.resolve();
    let latest = 0;

    function rows() {
      const words = control.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const [x, y, c] = ["x", "y", "c"].map((name) => chart.columns[control[name].value]);
      const shown = [];
      for (let i = 0; i < chart.ids.length; i++) {
        const text = `${chart.ids[i]} ${chart.cells[i]}`.toLowerCase();
        if (x[i] === null || y[i] === null || !words.every((word) => text.includes(word))) continue;
        if ((control["log-x"].checked && x[i] <= 0) || (control["log-y"].checked && y[i] <= 0)) continue;
        shown.push({ id: chart.ids[i], cell: chart.cells[i], x: x[i], y: y[i], c: c[i] });
      }
      return shown;
    }

    function state(points, inside) {
      const value = spearman(points);
      const dropped = chart.ids.length - points.length;
      byId(`state-${index}`).textContent =
        `${points.length} of ${chart.ids.length} points` +
        (dropped ? " (others are filtered out, or lack a number that can be drawn)" : "") +
        (value === null ? "" : `; Spearman ${value.toFixed(3)}`) +
        (inside ? `; ${inside.length} in the rectangle` : "");
    }

    function list(inside) {
      const place = byId(`chosen-${index}`);
      place.replaceChildren();
      if (!inside || !inside.length) return;
      const table = document.createElement("table");
      const caption = table.createCaption();
      const some = inside.length > LISTED ? `the first ${LISTED} of ` : "";
      caption.textContent = `${some}${inside.length} architectures in the rectangle`;
      const head = table.createTHead().insertRow();
      const labels = ["id", control.x.value, control.y.value, control.c.value, "architecture"];
      for (const label of labels) {
        const cell = document.createElement("th");
        cell.scope = "col";
        cell.textContent = label;
        head.append(cell);
      }
      const body = table.createTBody();
      for (const row of [...inside].sort((a, b) => b.y - a.y).slice(0, LISTED)) {
        const line = body.insertRow();
        for (const text of [row.id, number(row.x), number(row.y), number(row.c), row.cell]) {
          line.insertCell().textContent = text;
        }
      }
      place.append(table);
    }

    // One picture after the other; those that were overtaken are not drawn.
    function update() {
      const turn = ++latest;
      waiting = waiting.then(() => (turn === latest ? redraw() : null));
      return waiting;
    }

    async function redraw() {
      const points = rows();
      const spec = structuredClone(chart.spec);
      spec.data.values = points;
      spec.mark.size = points.length > 2000 ? 12 : points.length > 300 ? 25 : 55;
      const { encoding } = spec;
      for (const axis of ["x", "y"]) {
        encoding[axis].title = control[axis].value;
        if (control[`log-${axis}`].checked) encoding[axis].scale = { type: "log" };
      }
      const colour = encoding.color.condition;
      colour.title = control.c.value;
      colour.scale.scheme = { name: "viridis", extent: theme === "dark" ? [0.25, 1] : [0, 0.92] };
      const whole = points.every((point) => Number.isInteger(point.c));
      if (whole) colour.legend = { format: ",d", tickMinStep: 1 };
      const names = { id: "architecture", x: control.x.value, y: control.y.value,
        c: control.c.value, cell: "cell" };
      for (const tip of encoding.tooltip) tip.title = names[tip.field];
      const result = await draw(element, spec, points.length > 1500 ? "canvas" : "svg");
      if (view) view.finalize();
      view = result;
      state(points, null);
      list(null);
      result.view.addSignalListener("brush", (_, brush) => {
        const within = (value, range) => !range || (value >= Math.min(...range) && value <= Math.max(...range));
        const chosen = brush && brush.x && brush.y
          ? points.filter((point) => within(point.x, brush.x) && within(point.y, brush.y)) : null;
        state(points, chosen);
        list(chosen);
      });
    }

    for (const name of ["x", "y", "c", "log-x", "log-y"]) control[name].addEventListener("change", update);
    control.filter.addEventListener("input", update);
    return update;
  }

  const updates = charts.map((chart, index) => {
    if (chart.columns) return scatter(chart, index);
    let last = null;
    return async () => {
      const result = await draw(byId(`chart-${index}`), structuredClone(chart.spec), "svg");
      if (last) last.finalize();
      last = result;
    };
  });

  function show() {
    document.documentElement.style.colorScheme = theme;
    const button = byId("theme");
    button.textContent = theme === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `show the page in ${button.textContent} colours`);
    button.setAttribute("aria-pressed", String(theme === "dark"));
    return Promise.all(updates.map((update) => update()));
  }

  byId("theme").addEventListener("click", () => {
    theme = theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("ntknas-theme", theme); } catch { /* a page from a file may not */ }
    show();
  });
  system.addEventListener("change", () => {
    if (!remembered()) { theme = system.matches ? "dark" : "light"; show(); }
  });
  window.ntknasReady = show();
})();
