"""
A live node on a replay with the paper venue, for a process of its own.

``node_script.py SETTINGS`` with JSON: source (options of a Source), state, speed, plan, idle, play_from, die.
A plan is a list of [bar number, action]; actions: buy, sell, close, report. With `die` the process kills
itself inside the handler of that fill, counted from one. Prints a JSON object per line.
"""

import json
import os
import signal
import sys
from decimal import Decimal

import pandas as pd
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.config import LiveExecEngineConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.model.objects import Currency, Quantity
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.venues.paper import PaperExecClientConfig, SandboxLiveExecClientFactory
from nautilus_quant.venues.replay import ReplayDataClientConfig, ReplayLiveDataClientFactory, Source

BTC = InstrumentId.from_str("BTCUSDT-PERP.SIM")
BARS = BarType.from_str("BTCUSDT-PERP.SIM-1-MINUTE-LAST-EXTERNAL")


def say(**fact):
    print(json.dumps(fact), flush=True)


class PlannedConfig(StrategyConfig, frozen=True):
    plan: tuple[tuple[int, str], ...] = ()
    die: int = 0
    quiet: bool = False


class Planned(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.seen = 0
        self.fills = 0

    def on_start(self):
        self.report("start")
        self.request_bars(BARS, start=self.clock.utc_now() - pd.Timedelta("2min"))
        self.subscribe_bars(BARS)

    def on_historical_data(self, data):
        say(event="history", ts=data.ts_event, close=str(data.close))

    def on_bar(self, bar):
        self.seen += 1
        if not self.config.quiet:
            self.tell(bar)
        for number, action in self.config.plan:
            if number == self.seen:
                getattr(self, f"do_{action}")()

    def tell(self, bar):
        quote = self.cache.quote_tick(BTC)
        say(
            event="bar",
            number=self.seen,
            ts_event=bar.ts_event,
            ts_init=bar.ts_init,
            bid=str(quote.bid_price),
            ask=str(quote.ask_price),
        )

    def do_buy(self):
        self.submit_order(self.order_factory.market(BTC, OrderSide.BUY, Quantity.from_str("0.300")))

    def do_sell(self):
        self.submit_order(self.order_factory.market(BTC, OrderSide.SELL, Quantity.from_str("0.100")))

    def do_close(self):
        for position in self.cache.positions_open(strategy_id=self.id):
            self.close_position(position, reduce_only=True)

    def do_report(self):
        self.report("asked")

    def on_order_filled(self, event):
        self.fills += 1
        if self.fills == self.config.die:
            os.kill(os.getpid(), signal.SIGKILL)
        say(event="fill", price=str(event.last_px), quantity=str(event.last_qty), fee=str(event.commission))
        self.report("filled")

    def on_stop(self):
        say(event="stop", seen=self.seen)

    def report(self, when):
        account = self.cache.account_for_venue(BTC.venue)
        say(
            event="account",
            when=when,
            balance=str(account.balance_total(Currency.from_str("USDT")).as_decimal()),
            positions={
                p.id.value: [str(p.signed_decimal_qty()), repr(p.avg_px_open)]
                for p in self.cache.positions_open()
            },
        )


def main(settings):
    config = TradingNodeConfig(
        trader_id=TraderId("TESTER-001"),
        logging=LoggingConfig(log_level="ERROR"),
        exec_engine=LiveExecEngineConfig(),
        data_clients={
            "SIM": ReplayDataClientConfig(
                venue="SIM",
                sources=(Source(**settings["source"]),),
                speed=settings.get("speed", 0),
                on_end="idle" if settings.get("idle") else "stop",
                play_from=settings.get("play_from"),
            )
        },
        exec_clients={
            "SIM": PaperExecClientConfig(
                venue="SIM",
                starting_balances=["100_000 USDT"],
                default_leverage=Decimal(10),
                state=settings.get("state"),
            )
        },
        timeout_connection=10.0,
        timeout_disconnection=2.0,
        timeout_post_stop=0.1,
    )
    node = TradingNode(config)
    plan = tuple((number, action) for number, action in settings.get("plan", []))
    node.trader.add_strategy(
        Planned(PlannedConfig(plan=plan, die=settings.get("die", 0), quiet=settings.get("quiet", False)))
    )
    node.add_data_client_factory("SIM", ReplayLiveDataClientFactory)
    node.add_exec_client_factory("SIM", SandboxLiveExecClientFactory)
    node.build()
    try:
        node.run()
    finally:
        node.dispose()
    say(event="end")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
