"""
Conservation: whatever a venue does, the parts of the book come to what the account holds, to the last unit.

A venue that trades, charges in two currencies, pays and takes funding, is given money and moves its prices
in any order, over restarts; beside it a ledger of the same, kept by plain arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Currency, Money

from nautilus_quant.account.statement import Part, value_of
from nautilus_quant.host.accounting import Accounting
from nautilus_quant.host.valuation import Valuer
from tests.host.engine import BTC, SECOND
from tests.host.live import LiveSystem, VenueProbe, live_system

BUY, SELL = OrderSide.BUY, OrderSide.SELL
UNIT = Decimal("1e-28")  # of a value in the book


@dataclass
class Ledger:
    """What the venue did: balances, and what changed them [USDT], by plain arithmetic."""

    usdt: Decimal = Decimal(1_000_000)
    coins: Decimal = Decimal(5)
    price: Decimal = Decimal(30_000)
    held: Decimal = Decimal(0)
    entry: Decimal = Decimal(0)
    parts: dict[str, Decimal] = field(default_factory=dict)

    def add(self, part: Part, value: Decimal) -> None:
        self.parts[part.value] = self.parts.get(part.value, Decimal(0)) + value

    @property
    def equity(self) -> Decimal:
        return self.usdt + self.coins * self.price


class Run:
    """The venue, the book of it, and the ledger."""

    def __init__(self, live: LiveSystem) -> None:
        self.live, self.ledger = live, Ledger()
        self.client: VenueProbe = live.venue("BINANCE", BTC)
        Valuer.on(live.kernel.msgbus, "USDT")
        self.quote()
        self.report()
        self.book = self.keep(None)

    def keep(self, state: dict | None) -> Accounting:
        book = Accounting(self.live.kernel, Valuer.on(self.live.kernel.msgbus), self.live.clock, state)
        book.begin(self.live.now)
        return book

    def quote(self) -> None:
        self.live.quote(BTC, float(self.ledger.price))

    def report(self) -> None:
        self.live.balance(self.client, USDT=self.ledger.usdt, BTC=self.ledger.coins)

    # -- what happens ------------------------------------------------------------------------------

    def trade(self, size: Decimal, fee: Decimal, *, in_coins: bool) -> None:
        """Open what is given, or close it; a fee is worth `fee` USDT, or as many hundred-thousandth coins."""
        ledger = self.ledger
        paid = fee / 100_000 if in_coins else fee
        self.client.commission = Money(paid, Currency.from_str("BTC" if in_coins else "USDT"))
        self.live.trade(self.client, BTC, BUY if size > 0 else SELL, str(abs(size)), float(ledger.price))
        if ledger.held:
            result = ledger.held * (ledger.price - ledger.entry)
            ledger.usdt += result
            ledger.add(Part.REALISED, result)
        ledger.held += size
        ledger.entry = ledger.price
        if in_coins:
            ledger.coins -= paid
        else:
            ledger.usdt -= paid
        ledger.add(Part.FEES, -paid * (ledger.price if in_coins else 1))

    def fund(self, rate: Decimal) -> None:
        """Announce a rate, and pay it: those who hold more than nothing pay a positive one."""
        now, ledger = self.live.now, self.ledger
        update = FundingRateUpdate(BTC.id, rate, now, now, next_funding_ns=now)
        self.live.kernel.msgbus.publish(f"data.funding_rates.{BTC.id.venue}.{BTC.id.symbol}", update)
        payment = -ledger.held * ledger.price * rate
        ledger.usdt += payment
        ledger.add(Part.FUNDING, payment)

    def transfer(self, amount: Decimal, *, in_coins: bool) -> None:
        ledger = self.ledger
        if in_coins:
            ledger.coins += amount / 100_000
        else:
            ledger.usdt += amount
        ledger.add(Part.TRANSFERS, amount / 100_000 * ledger.price if in_coins else amount)

    def move(self, price: int) -> None:
        ledger = self.ledger
        ledger.add(Part.REVALUATION, ledger.coins * (price - ledger.price))
        ledger.price = Decimal(price)
        self.quote()

    def restart(self) -> None:
        state = self.book.to_dict()
        self.book.stop()
        self.book = self.keep(state)

    # -- what must hold ----------------------------------------------------------------------------

    def check(self) -> None:
        """Report balances, wait until all is explained, and compare."""
        self.report()
        self.book.settle(self.live.now)
        assert self.book.settle(self.live.now + 3 * SECOND)
        statement, ledger = self.book.statement, self.ledger
        assert statement is not None
        assert statement.equity == statement.explained
        assert statement.opening + sum(statement.parts.values()) == statement.equity
        assert value_of(statement.equity) == ledger.equity
        assert statement.equity * UNIT == ledger.equity
        found = {part.value: value_of(value) for part, value in statement.parts.items()}
        rounding = found.pop(Part.ROUNDING.value)
        assert abs(rounding) < Decimal("0.000001")
        found[Part.REALISED.value] += rounding  # profits come as floats: what they lose is told apart
        assert found == {part: ledger.parts.get(part, Decimal(0)) for part in found}


sizes = st.integers(1, 5_000).flatmap(lambda n: st.sampled_from([n, -n])).map(lambda n: Decimal(n) / 1_000)
fees = st.integers(-300, 5_000).map(lambda n: Decimal(n) / 100)
prices = st.integers(25_000, 36_000)
rates = st.sampled_from([Decimal("0.0001"), Decimal("-0.0003"), Decimal("0.00075")])
amounts = st.sampled_from([Decimal("-23456.789"), Decimal("1000.001"), Decimal(70000)])
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), sizes, fees, st.booleans()),
        st.tuples(st.just("trade"), sizes, fees, st.booleans()),
        st.tuples(st.just("fund"), rates),
        st.tuples(st.just("transfer"), amounts, st.booleans()),
        st.tuples(st.just("move"), prices),
        st.tuples(st.just("restart")),
    ),
    min_size=1,
    max_size=10,
)


def play(run: Run, done: list[tuple]) -> None:
    for what, *how in done:
        ledger = run.ledger
        if what == "trade":
            size, fee, in_coins = how
            run.trade(-ledger.held if ledger.held else size, fee, in_coins=in_coins)
        elif what == "fund":
            if not ledger.held:
                continue
            run.fund(*how)
        elif what == "transfer":
            run.transfer(how[0], in_coins=how[1])
        elif what == "move":
            run.move(*how)
        else:
            run.restart()
        run.check()


@settings(max_examples=30, deadline=None)
@given(happenings)
def test_fills_fees_funding_transfers_and_moves_add_up_to_the_account(done):
    with live_system() as live:
        run = Run(live)
        play(run, done)
        run.book.stop()


def test_a_day_of_all_of_them_by_hand():
    with live_system() as live:
        run = Run(live)
        run.trade(Decimal("1.5"), Decimal("9.00"), in_coins=False)
        run.check()
        run.move(31_000)  # the five coins: + 5 000
        run.check()
        run.fund(Decimal("0.0001"))  # 1.5 × 31 000 × 0.01 % = 4.65
        run.check()
        run.trade(Decimal("-1.5"), Decimal(20), in_coins=True)  # 0.0002 coins at 31 000: 6.20
        run.check()
        run.transfer(Decimal(-1_000), in_coins=False)
        run.check()
        parts = {part.value: value_of(value) for part, value in run.book.statement.parts.items() if value}
        assert parts == {
            "realised": 1_500,
            "fees": Decimal("-15.2"),
            "funding": Decimal("-4.65"),
            "transfers": -1_000,
            "revaluation": 5_000,
        }
        # 1 000 000 − 9 − 4.65 + 1 500 − 1 000 USDT, and 4.9998 coins at 31 000
        assert run.ledger.equity == Decimal("1000486.35") + Decimal("4.9998") * 31_000
        run.book.stop()
