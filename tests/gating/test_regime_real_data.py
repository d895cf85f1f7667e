"""What the defaults say of six years of real markets."""

from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path

import pandas as pd
import pytest

from nautilus_quant.gating.regime import Regime, RegimeClassifier

pytestmark = pytest.mark.data

MINUTE = pd.Timedelta(minutes=1)
HOUR = pd.Timedelta(hours=1)
CRASHES = [
    "2020-03-12",  # the pandemic
    "2021-05-19",  # China
    "2021-12-04",
    "2022-06-13",  # Celsius
    "2022-11-09",  # FTX
    "2024-08-05",  # the yen
]


def classify(bars: pd.DataFrame, closed: pd.Series, interval: pd.Timedelta) -> pd.Series:
    """The regime of every bar, by the time it closed."""
    classifier = RegimeClassifier(interval=interval.value)
    stamps = closed.astype("datetime64[ns, UTC]").astype("int64").tolist()
    columns = (bars[name].tolist() for name in ("open", "high", "low", "close"))
    regimes = [classifier.update(*row) for row in zip(stamps, *columns, strict=True)]
    assert classifier.ignored == 0
    assert classifier.refused == 0
    return pd.Series(regimes, index=pd.DatetimeIndex(closed))


@cache
def hourly(folder: Path, symbol: str) -> pd.Series:
    bars = pd.read_parquet(folder / "ohlcv_1h_perp_binance.parquet", filters=[("symbol", "==", symbol)])
    return classify(bars, bars["ts_open"] + HOUR, HOUR)  # stamped at the open


def shares(regimes: pd.Series) -> dict[Regime, float]:
    counts = Counter(regimes)
    return {regime: counts[regime] / len(regimes) for regime in Regime}


def stays(regimes: pd.Series, regime: Regime) -> list[int]:
    return [len(list(run)) for value, run in groupby(regimes) if value is regime]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
@pytest.mark.parametrize("day", CRASHES)
def test_the_worst_days_are_crises(nq_data: Path, symbol: str, day: str) -> None:
    assert Regime.CRISIS in set(hourly(nq_data, symbol).loc[day])


def test_the_pandemic_is_a_crisis_before_the_second_leg_down(nq_data: Path) -> None:
    # The first leg broke at 10:00, the second, to 3 600, began at 23:00.
    crisis = hourly(nq_data, "BTCUSDT").loc["2020-03-12"]
    assert crisis[crisis == Regime.CRISIS].index[0] <= pd.Timestamp("2020-03-12 12:00", tz="UTC")
    assert crisis.iloc[-1] is Regime.CRISIS


@pytest.mark.parametrize("day", ["2023-07-15", "2020-07-10", "2024-09-21"])
def test_sleepy_days_are_none(nq_data: Path, day: str) -> None:
    assert not {Regime.CRISIS, Regime.HIGH_VOL} & set(hourly(nq_data, "BTCUSDT").loc[day])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"])
def test_hourly_regimes_have_sensible_shares_and_stays(nq_data: Path, symbol: str) -> None:
    regimes = hourly(nq_data, symbol)
    share = shares(regimes)
    assert 0.45 < share[Regime.RANGING] < 0.65
    assert 0.12 < share[Regime.STRONG_TREND_UP] < 0.25
    assert 0.12 < share[Regime.STRONG_TREND_DOWN] < 0.27
    assert 0.02 < share[Regime.HIGH_VOL] < 0.10
    assert 0.001 < share[Regime.CRISIS] < 0.02
    assert list(regimes).count(Regime.WARMING_UP) == 99
    assert min(stays(regimes, Regime.RANGING)[:-1]) >= 1
    for trend in (Regime.STRONG_TREND_UP, Regime.STRONG_TREND_DOWN):
        assert 15 < sum(stays(regimes, trend)) / len(stays(regimes, trend)) < 40


def test_minute_bars_need_no_other_parameters(nq_data: Path) -> None:
    bars = pd.read_parquet(nq_data / "ohlcv_1m_btc_perp_202201.parquet")  # stamped at the close
    share = shares(classify(bars, bars["ts_close"], MINUTE))
    assert 0.5 < share[Regime.RANGING] < 0.7
    assert 0.1 < share[Regime.STRONG_TREND_UP] < 0.25
    assert 0.1 < share[Regime.STRONG_TREND_DOWN] < 0.25
    assert 0.02 < share[Regime.HIGH_VOL] < 0.10
    assert 0.001 < share[Regime.CRISIS] < 0.02
