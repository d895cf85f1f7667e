"""The expiry handler in a live node on the embedded market, with expiries seconds away."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.config import LoggingConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.instruments import CryptoOption
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.actors.expiry_handler import ExpiryHandler, ExpiryHandlerConfig
from nautilus_quant.host.expiry_settings import ExpirySettings
from nautilus_quant.host.journal import Entry
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.option_messages import ExpiryUpdate
from nautilus_quant.host.options import contract_of
from nautilus_quant.host.state import shared_store
from nautilus_quant.options.settlement import payoff
from nautilus_quant.venues.paper import PaperExecClientConfig, SandboxLiveExecClientFactory
from nautilus_quant.venues.simulated import SimulatedDataClientConfig, SimulatedLiveDataClientFactory
from nautilus_quant.venues.simulated.options import Options

pytestmark = pytest.mark.slow

S = 1_000_000_000
D = Decimal
SETTINGS: dict[str, Any] = {
    "warnings": (9.0,),
    "roll_before": 8.0,
    "close_before": 4.0,
    "checks": (1.5,),
    "prepare": 3.0,
    "next_after": 5.0,
    "strike_tolerance": 0.2,
    "roll_cost": 0.05,
    "slippage": 0.2,
    "pin": 0.0,
    "average": 1.0,
    "sample": 0.25,
    "retry": 0.25,
    "patience": 3.0,
    "max_age": 5.0,
    "grace": 2.0,
    "slice": 0.5,
}


class Chooser(Strategy):
    """
    Somebody's strategy: buys a call and sells a put far in the money, and sells what is far out of it.

    Of the latter, on each side, the farthest anybody bids for: one of the two at most ends in the money.
    """

    def __init__(self, currency: str) -> None:
        super().__init__(StrategyConfig(order_id_tag=currency))
        self.currency = currency
        self.expiry = 0
        self.inside: list[CryptoOption] = []
        self.outside: list[CryptoOption] = []
        self.sides: list[list[CryptoOption]] = []
        self.wanted: dict[Any, OrderSide] = {}
        self.alerts: list[Alert] = []
        self.updates: list[ExpiryUpdate] = []
        self.chosen = asyncio.Event()

    def on_start(self) -> None:
        subscribe(self.msgbus, Alert, self.alerts.append)
        subscribe(self.msgbus, ExpiryUpdate, self._hear)
        soonest = self.clock.timestamp_ns() + 14 * S
        listed = [o for o in self.cache.instruments() if isinstance(o, CryptoOption)]
        listed = [o for o in listed if o.quote_currency.code == self.currency and o.expiration_ns >= soonest]
        self.expiry = min(o.expiration_ns for o in listed)
        series = sorted(
            (o for o in listed if o.expiration_ns == self.expiry), key=lambda o: float(o.strike_price)
        )
        calls = [o for o in series if o.option_kind.name == "CALL"]
        puts = [o for o in series if o.option_kind.name == "PUT"]
        self.inside = [calls[0], puts[-1]]
        self.wanted = {calls[0].id: OrderSide.BUY, puts[-1].id: OrderSide.SELL}
        half = len(calls) // 2
        self.sides = [calls[:half:-1], puts[:half]]
        for option in series:
            self.subscribe_quote_ticks(option.id)
        self.clock.set_time_alert_ns("outside", self.clock.timestamp_ns() + 2 * S, self._sell_outside)
        self.chosen.set()

    def _hear(self, update: ExpiryUpdate) -> None:
        if update.strategy == self.id.value:
            self.updates.append(update)

    def _sell_outside(self, _event: Any) -> None:
        for options in self.sides:
            quoted = [(o, self.cache.quote_tick(o.id)) for o in options]
            bid = [o for o, quote in quoted if quote is not None and float(quote.bid_price) > 0.0]
            self.outside += bid[:1]
            self.wanted |= {o.id: OrderSide.SELL for o in bid[:1]}

    def on_quote_tick(self, tick: Any) -> None:
        side = self.wanted.get(tick.instrument_id)
        # NautilusTrader's exchange fills neither side of a quote of which one is empty.
        if side is None or min(float(tick.bid_size), float(tick.ask_size)) < 0.2:
            return
        del self.wanted[tick.instrument_id]
        quantity = self.cache.instrument(tick.instrument_id).make_qty(0.2)
        self.submit_order(self.order_factory.market(tick.instrument_id, side, quantity))

    def told(self, what: str, option: CryptoOption) -> list[ExpiryUpdate]:
        return [u for u in self.updates if u.what == what and u.instrument == option.id.value]


async def play(node: TradingNode, choosers: list[Chooser]) -> None:
    task = asyncio.create_task(node.run_async())
    for chooser in choosers:
        await chooser.chosen.wait()
    left = (max(chooser.expiry for chooser in choosers) - node.kernel.clock.timestamp_ns()) / S
    await asyncio.sleep(left + 3.5)
    await node.stop_async()
    await task
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for other in others:  # workers of NautilusTrader's executors, which it leaves running
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def live(folder: Path) -> tuple[dict[str, Chooser], list[Entry], list[Any]]:
    """Run a node over one expiry; give who was told what, the journal and the orders."""
    options = Options(
        underlyings=("BTC",),
        settlements=("linear", "coin"),
        daily=0,
        weekly=0,
        monthly=0,
        rapid=6,
        every=10.0,
        strikes=4,
        interval=0.5,
        volatility=6.0,  # so that somebody bids for what is out of the money
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    market = SimulatedDataClientConfig(symbols=("BTC",), seed=11, history=120.0, options=options)
    account = PaperExecClientConfig(venue="SIM", starting_balances=["1_000_000 USDT", "50 BTC"])
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TESTER-001",
            logging=LoggingConfig(log_level="ERROR"),
            data_clients={"SIM": market},
            exec_clients={"SIM": account},
            timeout_disconnection=1.0,
            timeout_post_stop=0.1,
        ),
        loop=loop,
    )
    choosers = [Chooser("USDT"), Chooser("BTC")]
    state = f"sqlite:///{folder}/state.db"
    node.trader.add_actor(ExpiryHandler(ExpiryHandlerConfig(expiry=ExpirySettings(**SETTINGS), state=state)))
    node.trader.add_strategies(choosers)
    node.add_data_client_factory("SIM", SimulatedLiveDataClientFactory)
    node.add_exec_client_factory("SIM", SandboxLiveExecClientFactory)
    node.build()
    with shared_store(state) as store:
        loop.run_until_complete(play(node, choosers))
        entries = store.entries(kind="expiry")
    orders = list(node.cache.orders())
    node.dispose()
    asyncio.set_event_loop(None)
    return {chooser.currency: chooser for chooser in choosers}, entries, orders


def test_over_one_expiry_in_both_currencies(tmp_path: Path) -> None:
    """One node is enough for all that is asked: it takes as long as its options live."""
    choosers, entries, orders = live(tmp_path)
    assert list(choosers) == ["USDT", "BTC"]
    for chooser in choosers.values():
        what_is_in_the_money_is_rolled_at_its_second(chooser, orders)
        what_is_left_expires_and_is_settled_to_the_last_digit(chooser)
        everything_is_in_the_journal_and_nothing_was_an_alarm(chooser, entries)


def what_is_in_the_money_is_rolled_at_its_second(chooser: Chooser, orders: list[Any]) -> None:
    for option in chooser.inside:
        (rolling,) = chooser.told("rolling", option)
        assert 0 <= rolling.ts - (chooser.expiry - 8 * S) < S
        (rolled,) = chooser.told("rolled", option)
        assert rolled.ts < chooser.expiry - 4 * S
        mine = [o for o in orders if o.instrument_id == option.id and "EXPIRY" in (o.tags or ())]
        assert sum(float(o.filled_qty) for o in mine) == pytest.approx(0.2)


def what_is_left_expires_and_is_settled_to_the_last_digit(chooser: Chooser) -> None:
    settled = [(o, update) for o in chooser.outside for update in chooser.told("settled", o)]
    assert settled != []
    for option, update in settled:
        assert (update.code, update.numbers["source"]) == ("SETTLED", "close")
        assert update.numbers["paid"] == update.numbers["expected"]
        # What was sold for a premium, and paid for by the formula.
        pnl = D("-0.2") * (D(str(update.numbers["paid"])) - D(str(update.numbers["entry"])))
        assert D(str(update.numbers["pnl"])) == pnl
        contract = contract_of(option)
        assert contract is not None
        if update.numbers["price"] != "None":  # it ended in the money: which price that was can be told
            price = D(str(update.numbers["price"]))
            assert abs(payoff(contract, price) - D(str(update.numbers["paid"]))) < D("1e-8")


def everything_is_in_the_journal_and_nothing_was_an_alarm(chooser: Chooser, entries: list[Entry]) -> None:
    mine = [e for e in entries if e.body["strategy"] == chooser.id.value]
    assert [(e.body["what"], e.ts) for e in mine] == [(u.what, u.ts) for u in chooser.updates]
    assert [a.text for a in chooser.alerts if a.severity == "CRITICAL" and a.source == "expiry"] == []
