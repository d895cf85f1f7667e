"""The monitor of implied volatilities in real engine runs."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.data import DataType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Quantity

from nautilus_quant.actors.iv_monitor import IVMonitor, IVMonitorConfig
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.options import OptionDesk, SurfaceUpdate
from nautilus_quant.host.state import shared_store
from nautilus_quant.options.archive import read, write
from nautilus_quant.options.clean import CleanParams
from nautilus_quant.options.surface_fit import SurfaceParams
from nautilus_quant.options.surface_watch import SurfaceWatch
from nautilus_quant.options.svi import total_variance
from nautilus_quant.options.zscores import ScoreParams
from tests.host.engine import Script, engine
from tests.host.options_kit import Market, many
from tests.options.surface_kit import DAY, NOW, SECOND, smiles, svi

SLICES = smiles(days=(9, 23, 60))
TIMES = [NOW + n * 10 * SECOND for n in range(12)]


def monitor(**config: Any) -> IVMonitor:
    return IVMonitor(IVMonitorConfig(**{"every": 30.0, "score_every": 0.0, **config}))


def run(actor: IVMonitor, data: list[Any], market: Market, **options: Any) -> Any:
    made = engine(data, actors=[actor], instruments=market.instruments, **options)
    heard: list[SurfaceUpdate] = []
    told: list[Alert] = []
    subscribe(made.kernel.msgbus, SurfaceUpdate, heard.append)
    subscribe(made.kernel.msgbus, Alert, told.append)
    made.run()
    return made, heard, told


def test_a_surface_is_fitted_on_time_and_is_that_of_the_quotes():
    market = Market(SLICES)
    made, heard, told = run(monitor(), many(market, TIMES), market)
    # The first quotes are of NOW, the last of 110 s later.
    assert [(update.key, (update.ts - NOW) // SECOND) for update in heard] == [
        ("BTC", 30),
        ("BTC", 60),
        ("BTC", 90),
    ]
    surface = heard[-1].surface
    for slice_ in surface.slices:
        k = np.linspace(slice_.low, slice_.high, 21)
        wanted = np.sqrt(total_variance(k, SLICES[slice_.expiry]) * 365 * DAY / (slice_.expiry - NOW))
        np.testing.assert_allclose(slice_.vols(k), wanted, atol=1e-3)
    assert heard[-1].statistics["atm|7-14"] == pytest.approx(0.5, abs=1e-3)
    assert told == []
    made.dispose()


def test_the_desk_answers_from_the_surface_and_says_how_old_it_is():
    market = Market(SLICES)
    actor = monitor()
    made, heard, _ = run(actor, many(market, TIMES), market)
    desk = OptionDesk.on(made.kernel.msgbus, made.cache, made.kernel.clock)
    (key,) = [i.id for i in market.instruments if i.id.value == next(iter(desk.contracts())).value]
    contract = desk.contract(key)
    vol = desk.vol(contract)
    assert vol.source == "surface"
    assert vol.age == pytest.approx(20.0)  # fitted at 90 s, asked at 110 s
    assert vol.value == float(heard[-1].surface.vol(contract.strike, contract.expiry))
    made.dispose()


def jump(after: int, vol: float = 0.6) -> list[Any]:
    market = Market(SLICES)
    calm = [NOW + n * 10 * SECOND for n in range(after)]
    wild = [NOW + n * 10 * SECOND for n in range(after, after + 12)]
    raised = {expiry: svi((expiry - NOW) / DAY, vol) for expiry in SLICES}
    return [market, many(market, calm) + many(market, wild, slices=raised)]


def test_a_jump_is_told_once_with_its_size():
    market, data = jump(16)
    actor = monitor(every=10.0, score_fewest=5, score_window=200)
    made, heard, told = run(actor, data, market)
    alerts = [alert for alert in told if alert.key == "iv|BTC|atm|7-14"]
    assert len(alerts) >= 1
    assert alerts[0].severity == "CRITICAL"
    assert "volatility at the money of 7-14 days is 60." in alerts[0].text
    assert "standard deviations above its last" in alerts[0].text
    assert alerts[0].ts == NOW + 160 * SECOND
    assert [alert.severity for alert in alerts].count("CRITICAL") == 1  # once, not with every fit
    assert heard[-1].scores
    made.dispose()


def test_a_surface_that_cannot_be_fitted_any_more_is_told_once_and_goes_stale():
    market = Market(SLICES)
    wide = [NOW + n * 10 * SECOND for n in range(12, 24)]
    data = many(market, TIMES) + [quote for ts in wide for quote in market.quotes(ts, spread=0.9)]
    actor = monitor(every=10.0)
    made, heard, told = run(actor, data, market)
    assert [alert.severity for alert in told if alert.key == "iv|BTC|fit"] == ["WARNING"]
    assert heard[-1].ts <= NOW + 120 * SECOND  # nothing without slices is published
    made.dispose()


def test_calendar_arbitrage_is_told_with_its_place():
    slices = {**SLICES, NOW + 9 * DAY: svi(9, 0.95)}
    market = Market(slices)
    made, _, told = run(monitor(), many(market, TIMES), market)
    (alert,) = [alert for alert in told if alert.key == "iv|BTC|calendar"]
    assert alert.numbers["expiry"] == NOW + 23 * DAY
    assert alert.numbers["size"] > 0.02
    assert "calendar arbitrage: 2026-01-24 00:00 has" in alert.text
    made.dispose()


def test_net_vega_is_told_at_its_bounds():
    market = Market(SLICES)
    at_the_money = min(
        market.instruments,
        key=lambda i: (i.expiration_ns != NOW + 60 * DAY, abs(float(i.strike_price) - 91_000)),
    )

    def buy(script: Any) -> None:
        order = script.order_factory.market(at_the_money.id, OrderSide.BUY, Quantity(10, 1))
        script.submit_order(order)

    class Buyer(Script):
        def on_start(self) -> None:
            self.subscribe_quote_ticks(at_the_money.id)

    # Vega is about F·√(60/365)·0.4/100 = 146 a contract and vol point: 10 are 1 460.
    actor = monitor(every=10.0, vega_bounds=[1_000.0, 2_000.0])
    made, _, told = run(actor, many(market, TIMES), market, strategies=[Buyer({3: buy, 6: buy})])
    alerts = [alert for alert in told if alert.key == "iv|BTC|vega"]
    assert [alert.severity for alert in alerts] == ["WARNING", "CRITICAL"]
    assert alerts[0].numbers["vega"] == pytest.approx(1_460.0, rel=0.02)
    assert alerts[1].numbers["vega"] == pytest.approx(2_920.0, rel=0.02)
    made.dispose()


def test_surfaces_are_archived_and_replayed_at_the_time_they_became_known(tmp_path):
    market = Market(SLICES)
    made, heard, _ = run(monitor(archive=str(tmp_path), archive_every=0.0), many(market, TIMES), market)
    made.dispose()
    recorded = list(read(tmp_path, "BTC"))
    assert [item.surface for item in recorded] == [update.surface for update in heard]
    # Another run without any option quotes: surfaces known a second after their chain come a second later.
    later = tmp_path / "later"
    write(later, [item._replace(known=item.known + SECOND) for item in recorded])
    times: list[int] = []
    actor = IVMonitor(IVMonitorConfig(replay=True, archive=str(later)))
    made = engine(
        market.quotes(NOW)[:1] + market.quotes(NOW + 110 * SECOND)[:1],
        actors=[actor],
        instruments=market.instruments,
    )
    again: list[SurfaceUpdate] = []

    def hear(update: SurfaceUpdate) -> None:
        times.append(made.kernel.clock.timestamp_ns())
        again.append(update)

    subscribe(made.kernel.msgbus, SurfaceUpdate, hear)
    made.run()
    assert [update.surface for update in again] == [update.surface for update in heard]
    assert [(ts - NOW) // SECOND for ts in times] == [31, 61, 91]
    made.dispose()


def test_what_is_usual_survives_a_restart():
    url = "memory://iv-restart"
    market = Market(SLICES)
    with shared_store(url):
        first = monitor(every=10.0, state=url)
        made, _, _ = run(first, many(market, TIMES), market)
        depth = first._followed["BTC"].book.depth
        made.dispose()
        second = monitor(every=10.0, state=url)
        later = [ts + 200 * SECOND for ts in TIMES]
        made, heard, _ = run(second, many(market, later), market)
        assert second._followed["BTC"].book.depth["atm|7-14"] == depth["atm|7-14"] + len(heard)
        made.dispose()


def test_damaged_state_is_left_out():
    url = "memory://iv-damaged"
    market = Market(SLICES)
    with shared_store(url) as store:
        store.put("iv", "BTC", {"book": {"version": 0}}, ts=NOW)
        made, heard, _ = run(monitor(state=url), many(market, TIMES), market)
        assert len(heard) == 3
        made.dispose()


def test_a_reset_engine_fits_the_same_again():
    market = Market(SLICES)
    actor = monitor()
    made, heard, _ = run(actor, many(market, TIMES), market)
    first = [update.surface for update in heard]
    heard.clear()
    made.reset()
    made.run()
    assert [update.surface for update in heard] == first
    made.dispose()


def test_the_cone_is_of_what_was_heard():
    actor = monitor()
    market = Market(SLICES)
    made, _, _ = run(actor, many(market, TIMES), market)
    assert actor.cone("BTC") == ()  # two minutes are no horizon
    assert actor.cone("DOGE") == ()
    assert actor.surface("DOGE") is None
    made.dispose()


def test_defaults_are_those_of_the_rules():
    config = IVMonitorConfig()
    assert config.surface_params == SurfaceParams(clean=CleanParams())
    assert config.score_params == ScoreParams()
    usual = SurfaceWatch("BTC")
    given = SurfaceWatch("BTC", config.vega_bounds, config.vega_target, config.arbitrage_bounds)
    assert vars(usual._vega) == vars(given._vega)
    assert vars(usual._arbitrage) == vars(given._arbitrage)


def test_impossible_configs_are_refused():
    with pytest.raises(ValueError, match="replay needs an archive"):
        IVMonitor(IVMonitorConfig(replay=True))
    with pytest.raises(ValueError, match="fewest <= window"):
        monitor(score_window=10)
    with pytest.raises(ValueError, match="bounds that rise"):
        monitor(vega_bounds=[10_000.0, 5_000.0])
    with pytest.raises(ValueError, match="max_deviations > 0"):
        monitor(max_deviations=math.nan)


def test_the_config_survives_the_trip_through_json():
    config = IVMonitorConfig(underlyings=["BTC"], vega_bounds=[1.0, 2.0])
    assert IVMonitorConfig.parse(config.json()) == config
    with pytest.raises(msgspec.ValidationError, match="evry"):
        IVMonitorConfig.parse('{"evry": 3}')


def test_a_node_without_options_is_left_in_peace():
    made = engine(actors=[monitor(every=5.0)])
    told: list[Alert] = []
    subscribe(made.kernel.msgbus, Alert, told.append)
    made.run()
    assert told == []
    made.dispose()


def test_anybody_may_subscribe_surfaces_as_data():
    class Reader(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[Any] = []

        def on_start(self) -> None:
            self.subscribe_data(DataType(SurfaceUpdate))

        def on_data(self, data: Any) -> None:
            self.heard.append(data)

    market, reader = Market(SLICES), Reader()
    made = engine(many(market, TIMES), actors=[reader, monitor()], instruments=market.instruments)
    made.run()
    assert [type(data) for data in reader.heard] == [SurfaceUpdate] * 3
    made.dispose()


def test_options_beyond_the_last_day_and_of_other_venues_are_left_alone():
    market = Market(SLICES)
    made, heard, _ = run(monitor(max_days=30.0), many(market, TIMES), market)
    assert [slice_.expiry for slice_ in heard[-1].surface.slices] == [NOW + 9 * DAY, NOW + 23 * DAY]
    made.dispose()
    made, heard, _ = run(monitor(venue="DERIBIT"), many(market, TIMES), market)
    assert heard == []
    made.dispose()


def test_nobody_hears_of_a_surface_before_its_quotes():
    """The same run, cut off at any time, has said the same until then."""
    market, data = jump(6)
    made, heard, _ = run(monitor(every=10.0, score_fewest=3), data, market)
    made.dispose()
    until = NOW + 95 * SECOND
    made, early, _ = run(
        monitor(every=10.0, score_fewest=3), [quote for quote in data if quote.ts_init <= until], market
    )
    made.dispose()
    assert early
    for one, other in zip(early, heard, strict=False):
        assert (one.ts, one.surface, one.scores) == (other.ts, other.surface, other.scores)
