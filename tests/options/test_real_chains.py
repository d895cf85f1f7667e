"""Prices, volatilities and greeks of recorded Deribit and OKX chains against what the venues say."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nautilus_quant.options.black76 import Greeks, price_and_greeks
from nautilus_quant.options.contract import YEAR, Contract
from nautilus_quant.options.implied_vol import implied_vol
from nautilus_quant.options.venue_greeks import Convention, Source, VenueGreeks, cross_check

pytestmark = pytest.mark.xdist_group("recorded chains")


@dataclass
class Chain:
    """One row per option and snapshot; premiums in USD."""

    rows: pd.DataFrame
    forward: np.ndarray
    strike: np.ndarray
    years: np.ndarray
    call: np.ndarray
    iv: np.ndarray
    premium: np.ndarray

    def model(self) -> tuple[np.ndarray, Greeks]:
        return price_and_greeks(self.forward, self.strike, self.years, self.iv, self.call)

    def meaningful(self) -> np.ndarray:
        """A vol point is worth 2 basis points of the underlying: 200 steps of a mark price."""
        return self.model()[1].vega > 2e-4 * self.forward

    def errors(self) -> np.ndarray:
        """In vol points, where vega is meaningful."""
        own = implied_vol(self.premium, self.forward, self.strike, self.years, self.call)
        return 100.0 * np.abs(own - self.iv)[self.meaningful()]


def nanoseconds(times: pd.Series) -> np.ndarray:
    return times.dt.as_unit("ns").astype("int64").to_numpy()


def chain(rows: pd.DataFrame, forward: np.ndarray, kind: str) -> Chain:
    left = np.maximum(nanoseconds(rows["expiry"]) - nanoseconds(rows["ts"]), 0)
    return Chain(
        rows,
        forward,
        rows["strike"].to_numpy(float),
        left / YEAR,
        rows[kind].astype(str).str.upper().str.startswith("C").to_numpy(),
        rows["mark_iv"].to_numpy(float),
        rows["mark_price"].to_numpy(float) * forward,
    )


@pytest.fixture(scope="module")
def deribit(nq_data: Path) -> Chain:
    columns = ["ts", "expiry", "strike", "option_type", "mark_price", "mark_iv", "delta", "underlying_price"]
    rows = pd.read_parquet(nq_data / "options_deribit_btc_6h.parquet", columns=columns).dropna()
    return chain(rows, rows["underlying_price"].to_numpy(float), "option_type")


@pytest.fixture(scope="module")
def okx(nq_data: Path) -> Chain:
    """Its underlying price is the index; marks in coins give the forward: c - p = 1 - K/F."""
    rows = pd.read_parquet(nq_data / "options_okx_btc_eth_daily.parquet")
    key = ["underlying", "ts", "expiry"]
    calls = rows["type"].astype(str).str.upper().str.startswith("C")
    both = (
        rows[calls]
        .set_index([*key, "strike"])[["mark_price"]]
        .join(rows[~calls].set_index([*key, "strike"])[["mark_price"]], rsuffix="_put")
        .dropna()
        .reset_index()
    )
    both["forward"] = both["strike"] / (1.0 - (both["mark_price"] - both["mark_price_put"]))
    forward = both.groupby(key, observed=True)["forward"].median()
    rows = rows.join(forward, on=key).dropna(subset=["forward", "mark_iv", "mark_price", "delta"])
    return chain(rows, rows["forward"].to_numpy(float), "type")


def test_volatilities_are_deribits(deribit: Chain) -> None:
    errors = deribit.errors()
    assert len(errors) > 300_000
    assert np.isfinite(errors).all()
    assert np.median(errors) < 0.01
    assert np.quantile(errors, 0.9) < 0.1


def test_volatilities_are_okxs(okx: Chain) -> None:
    errors = okx.errors()
    assert len(errors) > 35_000
    assert np.isfinite(errors).mean() > 0.999
    assert np.nanmedian(errors) < 0.01
    assert np.nanquantile(errors, 0.9) < 0.1


def test_deltas_are_deribits(deribit: Chain) -> None:
    """Plain Black-Scholes deltas, and not the premium-adjusted ones."""
    premium, moved = deribit.model()
    theirs = deribit.rows["delta"].to_numpy(float)
    errors = np.abs(moved.delta - theirs)
    assert np.median(errors) < 5e-4
    assert np.quantile(errors, 0.99) < 0.01
    assert np.median(np.abs(moved.delta - premium / deribit.forward - theirs)) > 0.02


def test_greeks_are_okxs_in_coins(okx: Chain) -> None:
    premium, moved = okx.model()
    coins = premium / okx.forward
    ours = {
        "delta": moved.delta - coins,
        "gamma": okx.forward * moved.gamma - 2.0 * moved.delta + 2.0 * coins,
        "vega": moved.vega / okx.forward,
        "theta": moved.theta / okx.forward,
    }
    counts = okx.meaningful()
    for name, own in ours.items():
        theirs = okx.rows[name].to_numpy(float)[counts]
        size = np.quantile(np.abs(theirs), 0.9)
        errors = np.abs(own[counts] - theirs) / size
        assert np.median(errors) < 1e-3, name
        assert np.quantile(errors, 0.9) < 5e-3, name


def test_real_greeks_pass_the_cross_check_in_their_convention_only(okx: Chain) -> None:
    good = np.flatnonzero(okx.meaningful() & (okx.years > 2 / 365))[::150]
    assert len(good) > 200
    sources = {convention: [] for convention in Convention}
    for i in good:
        row = okx.rows.iloc[i]
        now = row["ts"].value
        option = Contract(
            str(row["instrument"]), "BTC", row["expiry"].value, okx.strike[i], bool(okx.call[i])
        )
        for convention, found in sources.items():
            numbers = {name: float(row[name]) for name in ("delta", "gamma", "vega", "theta")}
            venue = VenueGreeks(ts=now, **numbers, mark_iv=okx.iv[i], convention=convention)
            found.append(cross_check(venue, option, now, forward=okx.forward[i], vol=okx.iv[i]).source)
    assert sources[Convention.PRICE_ADJUSTED].count(Source.VENUE) > 0.98 * len(good)
    assert sources[Convention.BLACK_SCHOLES].count(Source.VENUE) == 0
