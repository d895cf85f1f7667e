"""The page around the charts: one file, no network, light or dark as the reader's system is."""

from __future__ import annotations

from typing import Final

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<link rel="icon" href="data:,">
<style>
:root {
  color-scheme: light dark;
  --text: #1f2430; --soft: #5b6472; --line: #d9dde3; --page: #f6f7f9; --card: #ffffff; --mark: #0072b2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6e8ec; --soft: #a0a8b4; --line: #363c47; --page: #14171c; --card: #1c2027; --mark: #56b4e9;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 1240px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; }
h1 { font-size: 1.5rem; margin: 0; flex: 1 1 auto; }
h2 { font-size: 1.05rem; margin: 0; }
p { margin: .3rem 0 0; }
label, .soft { color: var(--soft); }
select { font: inherit; padding: .25rem .5rem; color: var(--text); background: var(--card); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem; margin: 1rem 0; }
#verdict { border-left: 5px solid var(--mark); }
#words { font-size: 1.1rem; font-weight: 600; margin: 0; }
.wide { overflow-x: auto; }
.wide + .wide { margin-top: 1.5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 500; white-space: normal; vertical-align: bottom; }
tbody th { font-weight: 500; }
</style>
</head>
<body>
<header>
<h1>@TITLE@</h1>
<label for="view">market <select id="view"></select></label>
</header>
<noscript><section>The charts need JavaScript, which comes with this file.</section></noscript>
<section id="verdict"><p id="words"></p><p id="facts" class="soft"></p></section>
<section data-figure="curves"><h2>Net return</h2>
<p class="soft">After fees, spread and switching; summed, not compounded.</p><div></div></section>
<section data-figure="weights"><h2>Weights and regimes</h2>
<p class="soft">The strip above is the regime. What is not filled was flat.</p><div></div></section>
<section data-figure="beliefs"><h2>What is expected of each arm</h2>
<p class="soft">As of the last evaluation in each regime.</p><div></div></section>
<section data-figure="regret"><h2>Regret and switches</h2>
<p class="soft">Above zero the selector is behind.</p><div></div></section>
<section><div id="tables"></div></section>
<script>@PLOTLY@</script>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const views = JSON.parse(document.getElementById("data").textContent);
const chosen = document.getElementById("view");
for (const name of Object.keys(views)) chosen.add(new Option(name, name));

function coloured(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();
  const copy = structuredClone(layout);
  copy.font = {color: colour("--text"), family: getComputedStyle(document.body).fontFamily, size: 13};
  copy.modebar = {bgcolor: "rgba(0,0,0,0)", color: colour("--line"), activecolor: colour("--soft")};
  copy.hoverlabel = {bgcolor: colour("--card"), bordercolor: colour("--line"),
    font: {color: colour("--text")}};
  for (const key of Object.keys(copy).filter(key => /^[xy]axis/.test(key))) {
    Object.assign(copy[key], {gridcolor: colour("--line"), linecolor: colour("--line"),
      zerolinecolor: colour("--soft"), automargin: true});
  }
  return copy;
}

function draw() {
  const view = views[chosen.value];
  document.getElementById("words").textContent = view.words;
  document.getElementById("facts").textContent = view.facts;
  document.getElementById("tables").innerHTML = view.tables;
  for (const section of document.querySelectorAll("[data-figure]")) {
    const figure = view.figures[section.dataset.figure];
    section.hidden = !figure;
    if (figure) {
      Plotly.react(section.querySelector("div"), structuredClone(figure.data), coloured(figure.layout),
        {responsive: true, displaylogo: false});
    }
  }
}

const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted in views) chosen.value = wanted;
chosen.addEventListener("change", () => { history.replaceState(null, "", "#" + chosen.value); draw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
document.body.dataset.drawn = "yes";
</script>
</body>
</html>
"""
