from decimal import Decimal

import numpy as np
import pytest

from nautilus_quant.gating import regime_book
from nautilus_quant.gating.intent import UNLIMITED, Intent, Side
from nautilus_quant.gating.market import MarketRegime
from nautilus_quant.gating.matrix import Compatibility
from nautilus_quant.gating.regime_book import MARKET, RegimeBook
from nautilus_quant.gating.regime_rule import Regime, RegimeParams
from tests.gating.regime_bars import MINUTE, bars_of, joined, noise

QUICK = RegimeParams(adx_period=5, slow_half_life=50.0, warm_up=20, dwell=2)
BTC, ETH, SPOT = "BTCUSDT-PERP.SIM", "ETHUSDT-PERP.SIM", "BTCUSDT.SIM"
CALM = bars_of(joined(noise(60, 0.001)))
CRASH = bars_of(joined(noise(60, 0.001), np.full(1, -0.05), noise(5, 0.001)))


def intent(instrument: str = BTC, ts: int = CALM[-1].ts) -> Intent:
    return Intent(
        ts=ts,
        strategy="Momentum-001",
        instrument=instrument,
        side=Side.BUY,
        quantity=Decimal(3),
        price=None,
        reducing=Decimal(1),
        opening=Decimal(2),
        notional=100.0,
    )


def book_of(**histories: list) -> RegimeBook:
    """A book that followed instruments by name: BTC=bars, ETH=bars."""
    book = RegimeBook(QUICK, Compatibility({"calm": ["RANGING", "STRONG_TREND_UP", "STRONG_TREND_DOWN"]}))
    for name, bars in histories.items():
        instrument = {"BTC": BTC, "ETH": ETH}[name]
        assert book.follow(instrument, f"{instrument}-1-MINUTE", MINUTE) is not None
        for bar in bars:
            book.update(instrument, bar, bar.ts + 3)
    return book


def test_changes_are_told_once_and_the_market_after_the_instrument() -> None:
    book = RegimeBook(QUICK)
    book.follow(BTC, "minute", MINUTE)
    told = [change for bar in CRASH for change in book.update(BTC, bar, bar.ts)]
    assert [(c.key, c.ts, c.regime) for c in told[:2]] == [
        (BTC, CRASH[0].ts, Regime.WARMING_UP),
        (MARKET, CRASH[0].ts, Regime.WARMING_UP),
    ]
    assert (told[2].key, told[2].ts, told[2].previous) == (BTC, CRASH[19].ts, Regime.WARMING_UP)
    assert [change.key for change in told] == [BTC, MARKET] * (len(told) // 2)
    assert (told[-1].regime, told[-1].ts) == (Regime.CRISIS, CRASH[60].ts)
    assert told[-1].numbers == {"crises": 1, "known": 1, "needed": 1}
    assert told[-2].numbers["fall_sigmas"] > 4.0
    assert book.regimes == {BTC: Regime.CRISIS, MARKET: Regime.CRISIS}


def test_only_the_first_type_of_bars_of_an_instrument_is_followed() -> None:
    book = RegimeBook(QUICK)
    assert book.follow(BTC, "minute", MINUTE) is not None
    assert book.follow(BTC, "hour", 60 * MINUTE) is None
    assert book.follow(BTC, "minute", MINUTE) is not None
    assert book.follow(ETH, "hour", 60 * MINUTE) is not None


def test_a_fitting_regime_lets_pass_with_its_numbers() -> None:
    verdict = book_of(BTC=CALM).judge(intent(), "calm")
    assert (verdict.gate, verdict.allowed, verdict.code) == ("regime", UNLIMITED, "ALLOW")
    assert verdict.numbers["kind"] == "calm"
    assert verdict.numbers["regime"] in Regime
    assert verdict.numbers["vol_ratio"] > 0.0


def test_another_regime_denies_and_says_what_it_takes() -> None:
    verdict = book_of(BTC=CRASH).judge(intent(ts=CRASH[-1].ts), "mean_reversion")
    assert (verdict.allowed, verdict.code) == (0, "REGIME")
    assert verdict.reason == f"{BTC} is CRISIS; mean_reversion may open positions in RANGING"
    assert verdict.numbers["regime"] == "CRISIS"


def test_warming_up_denies_and_says_how_long() -> None:
    verdict = book_of(BTC=CALM[:15]).judge(intent(ts=CALM[14].ts), "calm")
    assert (verdict.allowed, verdict.code) == (0, "REGIME")
    assert verdict.reason.endswith(", and 5 more good bars are needed to know")


def test_a_kind_allowed_nowhere_is_told_so() -> None:
    book = RegimeBook(QUICK, Compatibility({"off": []}))
    book.follow(BTC, "minute", MINUTE)
    for bar in CALM:
        book.update(BTC, bar, bar.ts)
    assert "off may open positions in no regime" in book.judge(intent(), "off").reason


def test_no_bars_at_all_denies_with_a_way_out() -> None:
    verdict = book_of(ETH=CALM).judge(intent(), "calm")
    assert (verdict.allowed, verdict.code) == (0, "REGIME_UNKNOWN")
    assert f"no bars of {BTC} have been heard" in verdict.reason
    assert "proxies" in verdict.reason


def test_another_instrument_may_stand_for_one_without_bars() -> None:
    orderly = ["RANGING", "STRONG_TREND_UP", "STRONG_TREND_DOWN"]
    book = RegimeBook(QUICK, Compatibility({"calm": orderly}), proxies={SPOT: BTC})
    book.follow(BTC, "minute", MINUTE)
    for bar in CALM:
        book.update(BTC, bar, bar.ts)
    assert book.judge(intent(SPOT), "calm").allowed == UNLIMITED


def test_options_of_the_past_are_forgotten_and_what_the_config_names_is_not(monkeypatch) -> None:
    monkeypatch.setattr(regime_book, "MOST", 2)
    book = book_of(BTC=CALM)
    named = RegimeBook(QUICK, proxies={SPOT: BTC})
    for one in (book, named):
        for option in ("A", "B", "C"):
            one.judge_by(option, BTC)
    found = [book.judge(intent(option), "calm").code for option in ("A", "B", "C")]
    assert [code == "REGIME_UNKNOWN" for code in found] == [True, False, False]
    book.judge_by("A", BTC)  # as when it is asked for again
    assert book.judge(intent("A"), "calm").code != "REGIME_UNKNOWN"
    assert f"no bars of {BTC} have" in named.judge(intent(SPOT), "calm").reason
    assert "no bars of A have" in named.judge(intent("A"), "calm").reason


@pytest.mark.parametrize(("late", "code"), [(240, "ALLOW"), (241, "REGIME_STALE")])
def test_silence_is_not_knowing(late: int, code: str) -> None:
    heard = CALM[-1].ts + 3
    verdict = book_of(BTC=CALM).judge(intent(ts=heard + late * 1_000_000_000), "calm")
    assert verdict.code == code
    assert (verdict.allowed > 0) == (code == "ALLOW")


@pytest.mark.parametrize("histories", [{}, {"BTC": CALM[:15]}, {"BTC": CRASH}])
@pytest.mark.parametrize("late", [0, 10**15])
def test_a_kind_allowed_everywhere_is_allowed_everywhere(histories: dict, late: int) -> None:
    book = book_of(**histories)
    book._matrix = Compatibility({"free": ["ALL"]})
    assert book.judge(intent(ts=CRASH[-1].ts + late), "free").allowed == UNLIMITED


def test_a_crisis_of_the_market_stops_calm_instruments_too() -> None:
    book = book_of(BTC=CALM, ETH=CRASH)
    book._market = MarketRegime(share=0.5, least=1)
    book.update(ETH, CRASH[-1]._replace(ts=CRASH[-1].ts + MINUTE), CRASH[-1].ts)
    assert book.judge(intent(), "calm").code == "ALLOW"
    book._market.update(BTC, Regime.RANGING)
    book._market.update(ETH, Regime.CRISIS)
    verdict = book.judge(intent(), "calm")
    assert (verdict.allowed, verdict.code) == (0, "MARKET_CRISIS")
    assert verdict.reason.startswith("the market is in CRISIS: 1 of 2 instruments are, 1 suffice; calm may")
    assert verdict.numbers["crises"] == 1


def test_history_counts_for_the_next_order() -> None:
    book = book_of(BTC=CALM[50:53])
    assert book.judge(intent(ts=CALM[52].ts), "calm").code == "REGIME"
    followed = book.follow(BTC, f"{BTC}-1-MINUTE", MINUTE)
    for bar in CALM[:50]:
        followed.add_history(bar)
    assert book.judge(intent(ts=CALM[52].ts), "calm").code == "ALLOW"


def test_goes_on_where_it_stopped_and_tells_it() -> None:
    first = book_of(BTC=CRASH)
    second = RegimeBook(QUICK)
    told = second.restore(BTC, first.to_dict(BTC), now=CRASH[-1].ts + MINUTE)
    assert [(c.key, c.regime, c.previous) for c in told] == [
        (BTC, Regime.CRISIS, Regime.CRISIS),
        (MARKET, Regime.CRISIS, Regime.WARMING_UP),
    ]
    assert second.to_dict(BTC) == first.to_dict(BTC)
    assert second.regimes == first.regimes
    assert second.follow(BTC, "another type", MINUTE) is None


def test_a_state_too_old_is_worth_nothing() -> None:
    first = book_of(BTC=CALM)
    second = RegimeBook(QUICK)
    assert not second.restore(BTC, first.to_dict(BTC), now=CALM[-1].ts + 21 * MINUTE)
    assert second.regimes == {}
    assert second.follow(BTC, "another type", MINUTE) is not None
