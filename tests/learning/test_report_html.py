"""The page: what is in it, and that a browser draws it without complaint."""

import json
import math
import re
import shutil
import subprocess
import sys

import numpy as np
import plotly.graph_objects as go
import pytest

from nautilus_quant.learning.report import by_market, report_of, write_html
from nautilus_quant.learning.report_figures import POINTS, STEPS
from nautilus_quant.learning.report_html import TOTAL, views
from tests.learning.evaluations import BTC, ETH, START, both, evaluation

pytestmark = pytest.mark.xdist_group("a report")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def shown():
    return views_of(both())


def views_of(evaluations):
    markets = by_market(evaluations)
    return views(markets, report_of(markets))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_html(both(), tmp_path_factory.mktemp("report") / "new" / "arms.html", title="Arms of <b>")


def traces(view, figure):
    return {trace["name"]: trace for trace in view["figures"][figure]["data"]}


def test_every_market_and_all_together(shown):
    assert list(shown) == [TOTAL, BTC, ETH]
    assert list(shown[TOTAL]["figures"]) == ["curves", "regret"]
    assert list(shown[BTC]["figures"]) == ["curves", "weights", "beliefs", "regret"]
    assert shown[BTC]["words"].startswith("The selector is ahead of equal weight after costs by 3.80 %")


def test_notes_stand_beside_the_facts():
    view = views_of([*both(), evaluation(6, (0.0, math.nan), (1.0, 0.0))])[BTC]
    assert view["facts"].endswith(
        "6 evaluations over 6.0 days, now UP. Unknown returns, which count as 0: 1, "
        "1 of them of an arm that was held"
    )


def test_plotly_takes_every_figure(shown):
    for view in shown.values():
        for figure in view["figures"].values():
            go.Figure(figure)  # refuses what it does not know


def test_axes_have_units(shown):
    layouts = [figure["layout"] for view in shown.values() for figure in view["figures"].values()]
    titles = [layout["yaxis"]["title"]["text"] for layout in layouts]
    assert all(re.search(r"\[.+\]$", title) for title in titles)


def test_curves_are_sums_in_per_cent(shown):
    curves = traces(shown[BTC], "curves")
    assert curves["selector"]["y"] == pytest.approx([-0.1, 1.9, 2.7, 6.6, 6.3])
    assert curves["equal weight"]["y"] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.5])
    assert curves["best single arm in hindsight"]["y"][-1] == pytest.approx(4.0)
    assert curves["arm chosen last, from the start"]["y"][-1] == pytest.approx(1.0)
    assert curves["selector"]["x"][0] == START // 1_000_000
    assert traces(shown[TOTAL], "curves")["selector"]["y"] == pytest.approx([-0.05, 2.15])


def test_regret_and_switches(shown):
    drawn = traces(shown[BTC], "regret")
    assert drawn["behind the best single arm"]["y"][-1] == pytest.approx(-2.3)
    assert drawn["behind equal weight"]["y"][-1] == pytest.approx(-3.8)
    assert drawn["switches so far"]["y"] == [0, 0, 1, 2, 3]
    assert traces(shown[TOTAL], "regret")["switches so far"]["y"][-1] == 3


def test_weights_stand_under_their_regimes(shown):
    drawn = traces(shown[BTC], "weights")
    assert drawn["X-1"]["y"] == [100, 100, 0, 0, 50]
    assert drawn["Y-2"]["y"] == [0, 0, 100, 0, 50]
    strip = drawn[""]
    assert strip["text"] == [["UP", "UP", "DOWN", "UP", "UP"]]
    assert len(strip["x"]) == len(strip["z"][0]) + 1
    assert {"UP", "DOWN"} <= drawn.keys()  # the key of the strip


def test_beliefs_by_regime_with_their_errors(shown):
    drawn = traces(shown[BTC], "beliefs")
    assert drawn["X-1"]["x"] == ["UP", "DOWN"]
    assert drawn["X-1"]["y"] == [0.25, -0.25]
    assert drawn["X-1"]["error_y"]["array"] == [0.125, 0.4]
    assert drawn["Y-2"]["y"] == [None, 0.75]


def test_tables(shown):
    table = shown[BTC]["tables"]
    assert (
        "<td>0.250 ± 0.125</td><td>4.5</td><td>yes</td><td>50.0 %</td><td>40.0 %</td><td>+1.00 %</td>"
        in table
    )
    assert "best single arm in hindsight (Y-2)</th><td>+4.00 %</td><td>-2.30 %</td>" in table
    assert BTC in shown[TOTAL]["tables"]


def test_names_cannot_break_the_page(tmp_path):
    evil = "</script><script>alert(1)</script>@PLOTLY@"
    path = write_html(
        [evaluation(0, (0.0, 0.0), (1.0, 0.0), market=evil)], tmp_path / "x.html", title="@DATA@"
    )
    text = path.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<title>@DATA@</title>" in text
    assert evil in json.loads(data_in(text))  # what was written is what is read


def data_in(text):
    return re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]


def test_the_file_needs_no_network(file):
    text = file.read_text(encoding="utf-8")
    assert "<title>Arms of &lt;b&gt;</title>" in text
    assert "plotly.js v" in text
    head, _, _ = text.partition("plotly.js v")
    assert not re.findall(r"""(?:src|href)=["']?https?:""", head + data_in(text))
    assert list(json.loads(data_in(text))) == [TOTAL, BTC, ETH]


def test_long_histories_stay_small(shown):
    rng = np.random.default_rng(3)
    arms = ("A", "B", "C")
    long = [
        evaluation(day / 4, tuple(rng.normal(0, 0.01, 3)), tuple(rng.dirichlet([1, 1, 1])), arms=arms)
        for day in range(20_000)
    ]
    view = views_of(long)[BTC]
    assert all(len(trace["x"]) <= POINTS for trace in view["figures"]["curves"]["data"])
    assert max(len(trace["x"]) for trace in view["figures"]["weights"]["data"]) <= STEPS + 1
    assert len(json.dumps(view)) < 500_000


def test_nothing_to_report_is_refused(tmp_path):
    with pytest.raises(ValueError, match="need evaluations"):
        write_html([], tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_without_plotly_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"pip install 'nt-quant\[report\]'"):
        write_html(both(), tmp_path / "x.html")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which is not on PATH")
@pytest.mark.parametrize(("view", "sections"), [("", 2), (f"#{BTC}", 4)])
def test_a_browser_draws_it_without_complaint(file, tmp_path, view, sections):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    command += [
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        "--dump-dom",
        f"{file.as_uri()}{view}",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    said = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    assert said == []
    assert 'data-drawn="yes"' in ended.stdout
    assert ended.stdout.count('class="plot-container') == sections
    assert "The selector" in re.search(r'<p id="words">(.*?)</p>', ended.stdout)[1]
