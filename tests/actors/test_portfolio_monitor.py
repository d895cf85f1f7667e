"""The portfolio monitor in real engine runs: the parts add up to the account's equity at every snapshot."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.modules import SimulationModule, SimulationModuleConfig
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig, LoggingConfig, StrategyConfig
from nautilus_trader.model.data import FundingRateUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import AccountBalance, Currency, Money, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.account.snapshots import PORTFOLIO, SNAPSHOTS, Snapshot
from nautilus_quant.account.statement import Part, units, value_of
from nautilus_quant.actors.portfolio_monitor import PortfolioMonitor, PortfolioMonitorConfig
from nautilus_quant.host.budget_settings import BudgetSettings
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.portfolio_book import (
    RECONCILED,
    PortfolioBook,
    PortfolioStatus,
)
from nautilus_quant.host.state import shared_store
from tests.host.engine import SECOND, START, quotes

PERP = TestInstrumentProvider.btcusdt_perp_binance()
SPOT = TestInstrumentProvider.btcusdt_binance()
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
USDT, COIN = Currency.from_str("USDT"), Currency.from_str("BTC")
HOUR = 3_600 * SECOND
BUY, SELL = OrderSide.BUY, OrderSide.SELL

type Step = Callable[[Strategy], None]


class Trader(Strategy):
    """Does what it is told at the n-th quote."""

    def __init__(self, instrument: Any, steps: dict[int, Step]) -> None:
        super().__init__(StrategyConfig(order_id_tag="001"))
        self.instrument = instrument
        self.steps = steps
        self.seen = 0
        self.denied: list[str] = []

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, _tick: Any) -> None:
        step = self.steps.get(self.seen)
        self.seen += 1
        if step is not None:
            step(self)

    def on_order_event(self, event: Any) -> None:
        if isinstance(event, OrderDenied):
            self.denied.append(event.reason)


def order(side: OrderSide, size: str) -> Step:
    def step(trader: Strategy) -> None:
        instrument = trader.instrument
        quantity = Quantity(Decimal(size), instrument.size_precision)
        trader.submit_order(trader.order_factory.market(instrument.id, side, quantity))

    return step


class Checks(Actor):
    """Compares every snapshot with the account, at the moment it is taken."""

    def __init__(self, monitor: PortfolioMonitor, strict: bool) -> None:
        super().__init__(ActorConfig(component_id="Checks-001"))
        self.monitor = monitor
        self.seen: list[Snapshot] = []
        self.heard: list[PortfolioStatus] = []
        self.alerts: list[Alert] = []
        self.strict = strict

    def on_start(self) -> None:
        subscribe(self.msgbus, PortfolioStatus, self.check)
        subscribe(self.msgbus, Alert, self.alerts.append)

    def check(self, status: PortfolioStatus) -> None:
        self.heard.append(status)
        book = self.monitor.book
        assert book is not None
        last = book.snapshots.last
        if last is None or last.ts != status.ts:
            return
        if self.seen[-1:] != [last]:
            self.seen.append(last)
        statement = book.accounting.statement
        assert statement is not None
        assert last.opening + sum(last.parts) == statement.equity
        if self.strict:
            totals: dict[str, int] = {}
            for account in self.cache.accounts():
                for currency, money in account.balances_total().items():
                    totals[currency.code] = totals.get(currency.code, 0) + units(money.as_decimal())
            rates = statement.rates
            assert statement.equity == sum(amount * rates[code] for code, amount in totals.items() if amount)
            assert last.equity == pytest.approx(status.equity, rel=1e-9)
            assert statement.balances.keys() >= {code for code, amount in totals.items() if amount}


def monitor(**config: Any) -> PortfolioMonitor:
    return PortfolioMonitor(PortfolioMonitorConfig(**{"snapshot_interval": 10.0, **config}))


class Mover(SimulationModule):
    """A hand inside the simulated venue."""

    def __init__(self) -> None:
        super().__init__(SimulationModuleConfig())

    def process(self, ts_now: int) -> None: ...

    def log_diagnostics(self, logger: Any) -> None: ...


def moved(quote: QuoteTick, later: int) -> QuoteTick:
    """The same quote, so much later [ns]."""
    ts = quote.ts_init + later
    return QuoteTick(
        quote.instrument_id, quote.bid_price, quote.ask_price, quote.bid_size, quote.ask_size, ts, ts
    )


def venue_of(instrument: Any, kind: AccountType, balances: list[Money], modules: list[Any]) -> dict[str, Any]:
    return {
        "venue": Venue(instrument.id.venue.value),
        "oms_type": OmsType.NETTING,
        "account_type": kind,
        "base_currency": None,
        "starting_balances": balances,
        "default_leverage": Decimal(10) if kind == AccountType.MARGIN else None,
        "modules": modules,
    }


def run(
    instrument: Any,
    steps: dict[int, Step],
    prices: list[float],
    actor: PortfolioMonitor | None = None,
    *,
    kind: AccountType = AccountType.MARGIN,
    balances: list[Money] | None = None,
    extra: list[Any] | None = None,
    others: list[Any] | None = None,
    strict: bool = True,
    later: int = 0,
) -> Checks:
    mover = Mover()
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(**venue_of(instrument, kind, balances or [Money(1_000_000, USDT)], [mover]))
    for one in [instrument, *(others or [])]:
        if one.id.venue != instrument.id.venue:
            made.add_venue(**venue_of(one, AccountType.MARGIN, [Money(1, USDT)], []))
        made.add_instrument(one)
    for one in [instrument, *(others or [])]:
        made.add_data([moved(quote, later) for quote in quotes(prices, one, 1.0)], sort=False)
    if extra:
        made.add_data(extra, sort=False)
    made.sort_data()
    actor = actor or monitor()
    checks = Checks(actor, strict)
    trader = Trader(instrument, steps)
    trader.mover = mover
    for one in (actor, checks):
        made.add_actor(one)
    made.add_strategy(trader)
    made.run()
    checks.trader, checks.book = trader, actor.book
    checks.gateway = find_gateway(made.kernel.msgbus)
    checks.balances = [
        money for account in made.cache.accounts() for money in account.balances_total().values()
    ]
    made.dispose()
    return checks


def parts(checks: Checks) -> dict[Part, Decimal]:
    statement = checks.book.accounting.statement
    return {part: value_of(value) for part, value in statement.parts.items() if value}


RISING = [30_000.0 + 10.0 * n for n in range(61)]


def test_a_linear_perpetual_by_hand():
    checks = run(PERP, {5: order(BUY, "2"), 25: order(SELL, "0.5"), 45: order(SELL, "1.5")}, RISING)
    found = parts(checks)
    # Bought at 30 050.5, sold at 30 249.5 and 30 449.5: 0.5 × 199 + 1.5 × 399.
    assert found[Part.REALISED] == 698
    # Taker 0.036 %: 60 101 + 15 124.75 + 45 674.25 = 120 900
    assert found[Part.FEES] == Decimal(-120_900) * PERP.taker_fee
    assert set(found) == {Part.REALISED, Part.FEES}
    assert [s.ts - START for s in checks.seen] == [n * 10 * SECOND for n in range(7)]
    assert [s.positions for s in checks.seen] == [0, 1, 1, 1, 1, 0, 0]
    # 2 held at 10 s, entered at 30 050.5, when the middle is 30 100.
    assert checks.seen[1].unrealised == pytest.approx(99.0)
    assert checks.seen[-1].equity == float(1_000_000 + sum(found.values()))
    assert not checks.alerts


def test_status():
    checks = run(PERP, {5: order(BUY, "2")}, RISING)
    status = checks.heard[-1]
    assert status.key == "portfolio"
    assert status.currency == "USDT"
    assert status.fresh
    assert status.gross == status.net == pytest.approx(2 * 30_600, rel=1e-3)
    assert status.positions == 1
    assert status.opening == 1_000_000
    assert status.parts["realised"] == 0.0
    assert status.parts["fees"] < 0.0
    assert status.equity == pytest.approx(status.opening + sum(status.parts.values()) + status.unrealised)
    assert status.daily_pnl == pytest.approx(checks.seen[-1].equity - 1_000_000)
    assert status.drawdown == 0.0


def test_drawdown_and_a_short_position():
    checks = run(PERP, {5: order(SELL, "50")}, RISING)
    status = checks.heard[-1]
    assert status.net == -status.gross
    first, last = checks.seen[0], checks.seen[-1]
    assert status.drawdown == pytest.approx(1.0 - last.equity / first.equity)
    assert status.daily_pnl < 0.0


def test_spot_on_a_cash_account():
    checks = run(
        SPOT,
        {5: order(BUY, "0.5"), 35: order(SELL, "0.2")},
        RISING,
        kind=AccountType.CASH,
        balances=[Money(100_000, USDT), Money(1, COIN)],
    )
    found = parts(checks)
    assert found[Part.FEES] < 0
    assert found[Part.REVALUATION] > 0
    # Half the spread each time, and the fee's: 0.7 × 0.5.
    assert found[Part.REALISED] == pytest.approx(Decimal("-0.35"), abs=Decimal("1e-6"))
    assert checks.seen[-1].unrealised == 0.0
    assert Part.TRANSFERS not in found


def test_an_inverse_perpetual():
    checks = run(
        INVERSE,
        {5: order(BUY, "60000"), 25: order(SELL, "20000"), 45: order(SELL, "70000")},
        RISING,
        monitor(reporting_currency="USDT"),
        balances=[Money(10, COIN)],
        others=[PERP],
    )
    found = parts(checks)
    assert found[Part.REALISED] > 0
    assert found[Part.REVALUATION] > 0
    assert set(found) <= {Part.REALISED, Part.FEES, Part.REVALUATION, Part.ROUNDING}
    assert abs(found.get(Part.ROUNDING, Decimal(0))) < Decimal("0.001")
    assert checks.seen[-1].positions == 1


def adjust(amount: str, currency: Currency = USDT) -> Step:
    """The venue moves money: what a deposit and a payment look like."""
    return lambda trader: trader.mover.exchange.adjust_account(Money(Decimal(amount), currency))


def test_a_deposit_and_a_withdrawal():
    steps = {3: order(BUY, "1"), 12: adjust("50000"), 29: adjust("-700.5"), 40: order(SELL, "1")}
    checks = run(PERP, steps, RISING)
    found = parts(checks)
    assert found[Part.TRANSFERS] == Decimal("49299.5")
    assert Part.FUNDING not in found
    # The withdrawal at 29 s may be explained until 31 s: the snapshot of 30 s waits for that.
    assert [(s.ts - START) // SECOND for s in checks.seen] == [0, 10, 20, 31, 40, 50, 60]
    assert checks.heard[-1].daily_pnl < 1_000.0


def test_funding():
    due = START + 20 * SECOND
    update = FundingRateUpdate(
        PERP.id, Decimal("0.0001"), START + SECOND, START + SECOND, next_funding_ns=due
    )
    steps = {3: order(BUY, "10"), 21: adjust("-30.2")}
    checks = run(PERP, steps, RISING, extra=[update])
    assert parts(checks)[Part.FUNDING] == Decimal("-30.2")
    assert Part.TRANSFERS not in parts(checks)


def test_a_restart_in_the_middle():
    state = "memory://portfolio-restart"
    holder = shared_store(state)
    try:
        first = run(PERP, {5: order(BUY, "2"), 25: order(SELL, "2")}, RISING[:31], monitor(state=state))
        later = monitor(state=state)
        second = run(
            PERP,
            {5: order(SELL, "1"), 15: order(BUY, "1")},
            RISING,
            later,
            balances=first.balances,
            later=HOUR,
        )
        assert second.seen[0].opening == first.seen[0].opening
        before, after = parts(first), parts(second)
        assert before[Part.REALISED] == 398
        assert after[Part.REALISED] == 398 - 101
        assert after[Part.FEES] < before[Part.FEES]
        assert set(after) == {Part.REALISED, Part.FEES}
        assert len(second.book.trades) == 2
        assert second.book.trades.statistics.win_rate == 0.5
        assert holder.get(PORTFOLIO, "book") is not None
        assert list(holder.documents(SNAPSHOTS)) == ["2023-11-14"]
    finally:
        holder.close()


def test_money_that_came_while_away_is_a_transfer():
    state = "memory://portfolio-away"
    holder = shared_store(state)
    try:
        run(PERP, {}, RISING[:31], monitor(state=state))
        second = run(PERP, {}, RISING, monitor(state=state), balances=[Money(1_000_250, USDT)], later=HOUR)
        assert parts(second) == {Part.TRANSFERS: Decimal(250)}
    finally:
        holder.close()


def test_damaged_state_begins_anew():
    state = "memory://portfolio-damaged"
    holder = shared_store(state)
    try:
        holder.put(PORTFOLIO, "book", {"statement": 1}, ts=1)
        holder.put(SNAPSHOTS, "2023-11-14", {"version": 7}, ts=1)
        holder.put(PORTFOLIO, "trades", {"trades": 3}, ts=1)
        checks = run(PERP, {5: order(BUY, "1"), 9: order(SELL, "1")}, RISING, monitor(state=state))
        assert len(checks.seen) == 7
        assert len(checks.book.trades) == 1
    finally:
        holder.close()


def hide(total: float) -> Step:
    def step(trader: Strategy) -> None:
        money = Money(total, USDT)
        trader.cache.accounts()[0].update_balances([AccountBalance(money, Money(0, USDT), money)])

    return step


def test_a_hidden_change_of_balance_raises_one_alert_and_one_when_it_is_over():
    actor = monitor()
    checks = run(PERP, {12: hide(999_000), 45: adjust("0.01")}, RISING, actor, strict=False)
    alerts = [alert for alert in checks.alerts if alert.key == RECONCILED]
    assert [(a.severity, (a.ts - START) // SECOND) for a in alerts] == [("WARNING", 20), ("INFO", 50)]
    assert alerts[0].numbers["book"] == 1_000_000
    assert alerts[0].numbers["account"] == 999_000
    assert alerts[0].numbers["gap"] == pytest.approx(0.001, rel=0.01)
    assert "book 1000000.00, accounts 999000.00" in alerts[0].text
    assert parts(checks) == {Part.TRANSFERS: Decimal("-999.99")}


def test_the_budget_stands_in_the_chain():
    actor = monitor(budget=BudgetSettings(max_gross=0.5))
    checks = run(PERP, {5: order(BUY, "10"), 8: order(BUY, "10")}, RISING, actor)
    assert len(checks.trader.denied) == 1
    assert "BUDGET_GROSS" in checks.trader.denied[0]
    assert checks.gateway is None  # it left


def test_fees_are_followed():
    seen: list[FeeBook] = []

    def look(trader: Strategy) -> None:
        book = FeeBook.find(trader.msgbus)
        assert book is not None
        seen.append(book)

    run(PERP, {5: order(BUY, "1"), 8: look}, RISING)
    tally = seen[0].reconciled["BINANCE", "USDT"]
    assert float(tally.paid) == pytest.approx(30_050.5 * float(PERP.taker_fee))


@pytest.mark.parametrize("off", ["valuation", "fees", "budget"])
def test_each_part_can_be_switched_off(off):
    actor = monitor(**{off: False if off == "valuation" else None})
    looked: list[bool] = []

    def look(trader: Strategy) -> None:
        fees = FeeBook.find(trader.msgbus)
        looked.append(fees is not None and bool(fees.reconciled))
        looked.append(find_gateway(trader.msgbus) is not None)

    checks = run(PERP, {5: order(BUY, "1"), 8: look}, RISING, actor)
    assert looked == [off != "fees", off != "budget"]
    assert (actor.book is None) == (off == "valuation")
    assert bool(checks.heard) == (off != "valuation")


def test_a_reset_forgets():
    actor = monitor()
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(**venue_of(PERP, AccountType.MARGIN, [Money(1_000, USDT)], []))
    made.add_instrument(PERP)
    made.add_data(quotes(RISING))
    made.add_actor(actor)
    made.run()
    first = actor.book
    made.reset()
    assert actor.book is None
    made.run()
    assert isinstance(actor.book, PortfolioBook)
    assert actor.book is not first
    assert actor.book.snapshots.curve() == first.snapshots.curve()
    made.dispose()


@pytest.mark.parametrize(
    "wrong",
    [
        {"snapshot_interval": 0.0},
        {"kept_days": 10},
        {"budget": BudgetSettings(overrides={"nothing:X": 1.0})},
    ],
)
def test_impossible_settings_are_refused_at_once(wrong):
    with pytest.raises(ValueError, match=r"snapshot_interval|kept_days|nothing"):
        monitor(**wrong)


@pytest.mark.parametrize("subscribe", [True, False])
def test_it_hears_what_the_worth_of_positions_is_known_by(subscribe):
    topics: dict[str, list[Any]] = {}

    def look(trader: Strategy) -> None:
        for kind in ("mark_prices", "funding_rates", "quotes"):
            topic = f"data.{kind}.BINANCE.{PERP.id.symbol}"
            topics[kind] = [item for item in trader.msgbus.subscriptions(topic) if item.topic == topic]

    run(PERP, {5: order(BUY, "1"), 8: look}, RISING, monitor(subscribe=subscribe))
    counts = {kind: len(found) for kind, found in topics.items()}
    own = int(subscribe)
    assert counts == {"mark_prices": own, "funding_rates": own, "quotes": 1 + own}


def test_it_hears_the_price_of_a_currency_that_is_held():
    found: list[int] = []

    def look(trader: Strategy) -> None:
        topic = f"data.quotes.BINANCE.{SPOT.id.symbol}"
        found.append(sum(item.topic == topic for item in trader.msgbus.subscriptions(topic)))

    balances = [Money(100_000, USDT), Money(1, COIN)]
    run(SPOT, {20: look}, RISING, kind=AccountType.CASH, balances=balances)
    assert found == [2]
