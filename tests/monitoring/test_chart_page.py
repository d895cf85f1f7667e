"""Pages with charts: one file that needs nothing else, whatever the names in it are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nautilus_quant.cli.pnl_html import PAGE as PNL
from nautilus_quant.monitoring.chart_page import Page, fill, write

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = Page("<h1>@TITLE@</h1><div id='a'></div>\n", "function draw() {}\n", "#a { color: red; }\n")
LINE = {"data": [{"type": "scatter", "x": [1, 2], "y": [3, 4]}], "layout": {"xaxis": {}, "yaxis": {}}}


def test_every_part_has_its_place():
    text = fill(PAGE, {"n": 1}, "/* plotly */", title="Fish & <chips>")
    assert text.count("Fish &amp; &lt;chips&gt;") == 2
    assert "#a { color: red; }\n</style>" in text
    assert "<div id='a'></div>\n<script>/* plotly */</script>" in text
    assert '<script type="application/json" id="data">{"n":1}</script>' in text
    assert text.index("function plot(") < text.index("function draw() {}") < text.index("draw();")
    assert re.findall("@[A-Z]+@", text) == []


def test_what_comes_from_outside_cannot_break_out_or_in():
    evil = "</script><script>alert(1)</script>@PLOTLY@"
    text = fill(PAGE, {evil: "@SCRIPT@"}, "let plotly;", title="@DATA@")
    assert text.count("<script>alert") == 0
    assert text.count("let plotly;") == 1
    assert "<title>@DATA@</title>" in text
    written = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert written is not None
    assert json.loads(written[1]) == {evil: "@SCRIPT@"}


def test_unknown_numbers_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        fill(PAGE, {"n": float("nan")}, "", title="")


def test_without_plotly_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"pip install 'nt-quant\[report\]'"):
        write(PAGE, {}, tmp_path / "new" / "x.html", title="x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which is not on PATH")
def test_a_browser_draws_what_an_account_earned_without_complaint(tmp_path: Path):
    file = write(PNL, {"equity": LINE, "days": LINE}, tmp_path / "pnl.html", title="P&L")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path / 'user'}", "--virtual-time-budget=20000", "--dump-dom"]
    ended = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, check=True, timeout=120)
    assert [line for line in ended.stderr.splitlines() if "CONSOLE" in line] == []
    assert 'data-drawn="yes"' in ended.stdout
    assert ended.stdout.count('class="plot-container') == 2
