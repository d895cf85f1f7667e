"""What the page on the arms shows around its charts, and how a market is chosen."""

from __future__ import annotations

from typing import Final

from nautilus_quant.monitoring.chart_page import Page

_STYLE: Final = """header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; }
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
"""

_BODY: Final = """<header>
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
"""

_SCRIPT: Final = """const chosen = document.getElementById("view");
for (const name of Object.keys(shown)) chosen.add(new Option(name, name));

function draw() {
  const view = shown[chosen.value];
  document.getElementById("words").textContent = view.words;
  document.getElementById("facts").textContent = view.facts;
  document.getElementById("tables").innerHTML = view.tables;
  for (const section of document.querySelectorAll("[data-figure]")) {
    const figure = view.figures[section.dataset.figure];
    section.hidden = !figure;
    if (figure) plot(section.querySelector("div"), figure);
  }
}

const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted in shown) chosen.value = wanted;
chosen.addEventListener("change", () => { history.replaceState(null, "", "#" + chosen.value); draw(); });
"""

PAGE: Final = Page(_BODY, _SCRIPT, _STYLE)
