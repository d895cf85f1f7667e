"""Replay through a live node, in a process of its own."""

import pandas as pd
import pytest

MINUTE = 60_000_000_000
MIDNIGHT = pd.Timestamp("2024-03-01", tz="UTC").value


def test_node_sees_every_bar_in_order_and_fills_at_its_quote_and_the_same_when_paced(run_node):
    code, facts = run_node(plan=[[3, "buy"], [8, "close"]])

    assert code == 0
    bars = [fact for fact in facts if fact["event"] == "bar"]
    assert [bar["ts_event"] for bar in bars] == [MIDNIGHT + MINUTE * i for i in range(1, 31)]
    arrivals = [bar["ts_init"] for bar in bars]
    assert arrivals == sorted(arrivals)
    assert arrivals[0] > MIDNIGHT + 30 * MINUTE  # now, not then
    # the quote before each bar is one basis point around its close
    assert (bars[0]["bid"], bars[0]["ask"]) == ("49995.0", "50005.0")
    fills = [fact for fact in facts if fact["event"] == "fill"]
    assert [fill["price"] for fill in fills] == [bars[2]["ask"], bars[7]["bid"]]
    # nothing moves on before an order is filled: the fill stands between its bar and the next
    order = [(fact["event"], fact.get("number")) for fact in facts if fact["event"] in {"bar", "fill"}]
    assert order.index(("fill", None)) == 3
    assert facts[-2:] == [{"event": "stop", "seen": 30}, {"event": "end"}]

    _, paced = run_node(plan=[[3, "buy"], [8, "close"]], speed=3600)

    def outcome(facts):
        return [{k: v for k, v in fact.items() if k != "ts_init"} for fact in facts]

    assert outcome(paced) == outcome(facts)


def test_history_before_the_position_answers_requests(run_node):
    code, facts = run_node(play_from="2024-03-01T00:05", plan=[])

    assert code == 0
    history = [fact["ts"] for fact in facts if fact["event"] == "history"]
    played = [fact["ts_event"] for fact in facts if fact["event"] == "bar"]
    # asked for two minutes before now: the last ones before the position, and none of those to come
    assert history == [MIDNIGHT + MINUTE * 3, MIDNIGHT + MINUTE * 4]
    assert played[0] == MIDNIGHT + MINUTE * 5
    assert len(played) == 26


@pytest.mark.slow
def test_recorded_month_is_played_whole(run_node, recorded_data):
    source = {
        "path": str(recorded_data / "ohlcv_1m_btc_perp_202201.parquet"),
        "instrument": "BTCUSDT-PERP.SIM",
        "volume_unit": "quote",
    }
    code, facts = run_node(source=source, quiet=True)
    assert code == 0
    assert facts[-2] == {"event": "stop", "seen": 45_031}
