"""Two legs in real engine runs: entered, hedged part by part, refused, left."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money

from nautilus_quant.carry.two_leg_told import Phase
from nautilus_quant.gating.intent import UNLIMITED
from nautilus_quant.host.messages import AllocationUpdate, publish
from nautilus_quant.host.two_leg_pair import Pair, mark_of
from tests.host.engine import BTC, USDT, quotes
from tests.host.two_leg_kit import DIPS, ETH, PAIR, SIZE, Gatekeeper, Two, alone, market, run


def test_a_pair_is_entered_and_left_with_orders_that_only_reduce() -> None:
    held = run(Two({5: SIZE}))
    assert held.left == [10, -150]
    assert held.told == ["opened"]
    flat = run(Two({5: SIZE, 30: 0.0}))
    assert flat.left == [0, 0]
    assert flat.told == ["opened", "closed"]
    assert flat.sent == [
        ("BTC", 10, False, "FILLED"),
        ("ETH", 150, False, "FILLED"),
        ("BTC", 10, True, "FILLED"),
        ("ETH", 150, True, "FILLED"),
    ]
    assert alone(flat) == 0


def test_the_other_way_round_is_closed_first() -> None:
    strategy = run(Two({5: SIZE, 20: -SIZE}))
    assert strategy.left == [-10, 150]
    assert strategy.told == ["opened", "closed", "opened"]


def test_a_budget_cuts_an_entry_into_parts() -> None:
    # a sixth of 450 000 by 1 s of answer is 75 000: 2.5 of BTC at a time
    strategy = run(Two({5: SIZE}, max_unhedged=450_000.0))
    assert strategy.left == [10, -150]
    assert [quantity for leg, quantity, *_ in strategy.sent if leg == "BTC"] == [Decimal("2.5")] * 4
    assert strategy.told == ["opened", "resized", "resized", "resized"]


def test_a_leg_that_rests_is_hedged_part_by_part() -> None:
    strategy = run(
        Two({5: SIZE}, style="passive_aggressive", leg_timeout=30.0),
        data=market(btc=(30_000.0,) * 8 + DIPS, btc_size=2),
        liquidity_consumption=True,
    )
    assert strategy.left == [10, -150]
    assert [quantity for leg, quantity, *_ in strategy.sent if leg == "BTC"] == [10]
    assert [quantity for leg, quantity, *_ in strategy.sent if leg == "ETH"] == [30] * 5
    assert all(0 <= 15 * btc + eth <= 30 for _, btc, eth in strategy.book)
    assert strategy.told == ["opened"]


def test_what_does_not_fill_in_time_is_taken_back_and_what_did_stays_hedged() -> None:
    strategy = run(
        Two({5: SIZE}, style="passive_aggressive", leg_timeout=5.0),
        data=market(btc=(30_000.0,) * 8 + DIPS[:2] + (30_001.0,) * 50, btc_size=2),
        liquidity_consumption=True,
    )
    assert strategy.left == [4, -60]
    assert ("BTC", 4, False, "CANCELED") in strategy.sent
    assert strategy.told == ["failed", "opened"]
    assert strategy.pair(PAIR.name).phase is Phase.HEDGED


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_partial_fills_are_cut_to_the_smaller_leg_when_the_other_is_refused(leg) -> None:
    """Four of BTC are there when ETH is refused: what rests is taken back, what filled is sold."""
    gate = Gatekeeper(leg=leg)
    strategy = run(
        Two(
            {5: SIZE},
            {8: lambda _: setattr(gate, "submit", Decimal(0))},
            style="passive_aggressive",
            leg_timeout=30.0,
        ),
        gate,
        data=market(btc=(30_000.0,) * 8 + DIPS, btc_size=2),
        liquidity_consumption=True,
    )
    # a gate that forbids the leg that rests comes too late: it is there already
    assert strategy.left == {BTC: [10, -150], ETH: [2, -30]}[leg]
    assert all(0 <= 15 * btc + eth <= 60 for _, btc, eth in strategy.book)
    assert strategy.told == {BTC: ["opened"], ETH: ["failed", "opened"]}[leg]
    assert [(name, closes) for name, _, closes, _ in strategy.sent if closes] == {
        BTC: [],
        ETH: [("BTC", True)],
    }[leg]


def test_the_leg_that_rests_can_be_the_other() -> None:
    strategy = run(
        Two({5: SIZE}, style="passive_aggressive", lead=1, leg_timeout=30.0),
        data=market(eth=(2_000.0,) * 8 + (2_000.3,) * 52),
    )
    assert strategy.left == [10, -150]
    assert [leg for leg, *_ in strategy.sent] == ["ETH", "BTC"]


def test_a_closing_that_rests_in_vain_takes_what_is_there() -> None:
    dips = (30_000.0,) * 8 + (29_999.8,) * 4 + (29_990.0,) * 48
    strategy = run(
        Two({5: SIZE, 20: 0.0}, style="passive_aggressive", leg_timeout=5.0), data=market(btc=dips)
    )
    assert strategy.left == [0, 0]
    assert [(leg, status) for leg, _, closes, status in strategy.sent if closes] == [
        ("BTC", "CANCELED"),
        ("BTC", "FILLED"),
        ("ETH", "FILLED"),
    ]
    assert max(at for at, btc, eth in strategy.book if btc or eth) <= 27


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_a_leg_refused_when_sent_takes_the_other_with_it(leg) -> None:
    strategy = run(Two({5: SIZE, 6: SIZE}), Gatekeeper(submit=Decimal(0), leg=leg))
    assert strategy.left == [0, 0]
    assert alone(strategy) == 0
    assert strategy.told == ["failed"]
    filled = [(name, closes) for name, quantity, closes, _ in strategy.sent if quantity]
    # what comes second is not sent at all where the first is refused at once
    assert filled == {BTC: [], ETH: [("BTC", False), ("BTC", True)]}[leg]
    assert [(alert.severity, alert.source) for alert in strategy.alerts] == [("WARNING", strategy.id.value)]


def test_after_the_pause_the_leg_that_was_refused_goes_first() -> None:
    gate = Gatekeeper(submit=Decimal(0))
    wishes = dict.fromkeys(range(5, 50), SIZE)
    strategy = run(Two(wishes, {10: lambda _: setattr(gate, "submit", UNLIMITED)}, pause=20.0), gate)
    assert strategy.left == [10, -150]
    assert [leg for leg, *_ in strategy.sent][-2:] == ["ETH", "BTC"]
    assert min(at for at, btc, eth in strategy.book if eth) >= 25


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_the_smaller_allowed_share_is_that_of_both(leg) -> None:
    most = {BTC: Decimal("2.5"), ETH: Decimal("37.5")}[leg]
    strategy = run(Two({5: SIZE}), Gatekeeper(preview=most, submit=most, leg=leg))
    assert strategy.left == [Decimal("2.5"), Decimal("-37.5")]
    assert len(strategy.sent) == 2


def test_a_closed_gate_does_not_stop_leaving() -> None:
    gate = Gatekeeper()

    def close(_: Two) -> None:
        gate.preview = gate.submit = Decimal(0)

    assert run(Two({5: SIZE, 20: 0.0}, {10: close}), gate).left == [0, 0]


@pytest.mark.parametrize(("key", "share"), [("", 0.5), (f"|{BTC.id}", 0.5), (f"|{ETH.id}", 0.5), ("", 0.0)])
def test_an_allocation_of_either_leg_is_that_of_both(key: str, share: float) -> None:
    def allocate(strategy: Two) -> None:
        update = AllocationUpdate(key=strategy.id.value + key, ts=1, allocation=share)
        publish(strategy.msgbus, update)

    strategy = run(Two({5: SIZE, 12: SIZE}, {10: allocate}))
    assert strategy.left == [10 * Decimal(str(share)), -150 * Decimal(str(share))]


@pytest.mark.parametrize("at", [6, 8, 9, 10])
def test_an_allocation_that_ends_in_the_middle_of_an_entry_leaves_nothing(at: int) -> None:
    def forbid(strategy: Two) -> None:
        publish(strategy.msgbus, AllocationUpdate(key=strategy.id.value, ts=1, allocation=0.0))

    strategy = run(
        Two({5: SIZE}, {at: forbid}, style="passive_aggressive", leg_timeout=30.0, pause=3.0),
        data=market(btc=(30_000.0,) * 8 + DIPS, btc_size=2),
        liquidity_consumption=True,
    )
    assert strategy.left == [0, 0]
    assert max((second for second, *held in strategy.book if any(held)), default=0) <= at + 30
    assert ("BTC", 10, False, "FILLED") not in strategy.sent


def test_a_leg_somebody_else_closed_takes_the_other_with_it() -> None:
    def sell(s: Two) -> None:
        held = s.position_of(BTC.id)
        s.submit_order(s.order_factory.market(BTC.id, OrderSide.SELL, BTC.make_qty(held), reduce_only=True))

    strategy = run(Two({5: SIZE}, {10: sell}))
    assert strategy.left == [0, 0]
    assert alone(strategy) == 0
    assert strategy.told == ["opened", "failed", "closed"]


def test_nothing_is_opened_while_halted_and_what_is_held_can_be_left() -> None:
    halt = {10: lambda s: s.halt(PAIR.name)}
    assert run(Two({12: SIZE}, halt)).sent == []
    assert run(Two({5: SIZE, 12: 2 * SIZE, 20: 0.0}, halt)).left == [0, 0]
    back = {**halt, 20: lambda s: s.halt(PAIR.name, on=False)}
    assert run(Two({12: SIZE}, back)).left == [10, -150]


def test_nothing_goes_to_a_venue_that_is_down() -> None:
    down = {10: lambda s: s.venue_down("BINANCE")}
    assert run(Two({12: SIZE}, down)).sent == []
    back = {**down, 20: lambda s: s.venue_down("BINANCE", down=False)}
    assert run(Two({12: SIZE}, back)).left == [10, -150]


def test_without_a_price_of_both_nothing_is_opened() -> None:
    data = [tick for tick in market() if tick.instrument_id == ETH.id]
    assert run(Two({5: SIZE}), data=data).sent == []


def test_a_wish_that_is_no_number_changes_nothing() -> None:
    assert run(Two({5: SIZE, 10: float("nan")})).left == [10, -150]


def test_small_changes_are_not_worth_an_order() -> None:
    strategy = run(Two({5: SIZE, 10: 1.04 * SIZE, 15: 0.97 * SIZE, 20: 1.1 * SIZE}))
    assert strategy.left == [11, -165]
    assert len(strategy.sent) == 4


# -- several pairs, several venues -------------------------------------------------------------------------

OTHER = CryptoPerpetual.from_dict({**CryptoPerpetual.to_dict(BTC), "id": "BTCUSDT-PERP.OTHER"})


def two_venues() -> BacktestEngine:
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    for name, instrument in (("BINANCE", BTC), ("OTHER", OTHER)):
        made.add_venue(
            venue=Venue(name),
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=None,
            starting_balances=[Money(1_000_000, USDT)],
            default_leverage=Decimal(10),
        )
        made.add_instrument(instrument)
    data = [*quotes([30_000.0] * 60), *quotes([30_010.0] * 60, OTHER)]
    made.add_data(sorted(data, key=lambda tick: tick.ts_event))
    return made


def test_legs_may_be_on_two_venues() -> None:
    strategy = Two({5: SIZE, 30: 0.0}, pairs=(Pair("BTC-A-B", BTC.id, OTHER.id),))
    made = two_venues()
    made.add_strategy(strategy)
    made.run()
    at = {second: held for second, *held in strategy.book}
    # 300 000 by the dearer leg, at 30 010
    assert at[20] == [Decimal("9.996"), Decimal("-9.996")]
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    made.dispose()


def test_of_two_venues_the_one_that_is_down_is_not_traded_alone() -> None:
    steps = {10: lambda s: s.venue_down("OTHER"), 40: lambda s: s.venue_down("OTHER", down=False)}
    strategy = Two({5: SIZE, 20: 0.0}, steps, pairs=(Pair("BTC-A-B", BTC.id, OTHER.id),))
    made = two_venues()
    made.add_strategy(strategy)
    made.run()
    at = {second: held for second, *held in strategy.book}
    assert at[39] == [Decimal("9.996"), Decimal("-9.996")]
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    made.dispose()


def test_pairs_may_share_an_instrument() -> None:
    """BTC twice against ETH: sizes add up, and each is closed by itself."""
    pairs = (PAIR, Pair("AGAIN", BTC.id, ETH.id, Decimal(1), Decimal(-15)))
    strategy = run(Two({5: SIZE, 30: 0.0}, {20: lambda s: s.want("AGAIN", 0.0, ts=0)}, pairs=pairs))
    at = {second: held for second, *held in strategy.book}
    assert at[10] == [20, -300]
    assert at[25] == [10, -150]
    assert strategy.left == [0, 0]


def test_pairs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="a name of its own for each pair"):
        Two({}, pairs=(PAIR, PAIR))


def test_ids_of_orders_tell_pairs_apart_and_fit_every_venue() -> None:
    assert mark_of("S-001", "A") == mark_of("S-001", "A")
    assert len({mark_of("S-001", "A"), mark_of("S-001", "B"), mark_of("S-002", "A")}) == 3
    assert mark_of("S-001", "A").isalnum()
    assert len(mark_of("S-001", "A")) <= 15
