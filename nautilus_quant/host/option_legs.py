"""Strategies that hold spreads of options: protection first, all legs or none, and out again."""

from __future__ import annotations

import math
from abc import abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.host.option_legs_config import OptionLegsConfig
from nautilus_quant.host.option_legs_market import OptionMarket
from nautilus_quant.host.option_legs_trading import TAG, OptionLegsTrading
from nautilus_quant.host.rule_memory import RuleMemory
from nautilus_quant.host.target import lot_of
from nautilus_quant.options.settlement import exact
from nautilus_quant.options.spread_book import SpreadBook
from nautilus_quant.options.spread_steps import whole_units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.model.data import Bar

    from nautilus_quant.options.spread_exit import Standing
    from nautilus_quant.options.spreads import Spread

__all__ = ["OptionLegsConfig", "OptionLegsStrategy"]

_ZERO = Decimal(0)
_NANOS = 1_000_000_000
_NAMESPACE = "option_legs"


class OptionLegsStrategy(OptionLegsTrading):
    """
    Base of strategies that hold one spread of options at a time.

    - Every leg is previewed through the gateway before the first order; the one of which the smallest share
      is allowed decides for all.
    - What is bought is bought first, and only when all of it is filled is anything sold. Out of it, what was
      sold is bought back first.
    - When a leg is denied, rejected, cancelled or not filled within `leg_timeout`, all are cut down to what
      they have in common, and nothing is added. When what is bought comes in part, less is sold.
    - Orders are limits at the best price of the other side, or worse by `slippage`. What opens is sent at the
      prices the loss was known by; what closes is sent again, at prices of then, until it is done.
    - When somebody else closes, rolls or settles a leg, the rest is closed, and what it was rolled into.
    - An allocation of 0 closes it; others count when the next one is sized.
    - Legs that came in part or not at all, or that somebody else closed, are told in an alert.

    It has no fixed legs, so that a selector learns from its closed positions. What it wants in each option
    is published as an exposure: the premium of the position as a share of a full one.

    Parameters
    ----------
    config
        An `OptionLegsConfig` or a subclass of it.

    Raises
    ------
    ValueError
        If `leg_timeout` is zero.

    """

    # -- for subclasses ---------------------------------------------------------------------------------

    @abstractmethod
    def decide(self, ts: int) -> None:
        """Call `enter` or `leave`, or neither; on each bar, `ts` is its time, UNIX time [ns]."""

    @property
    @abstractmethod
    def wanted_days(self) -> tuple[float, ...]:
        """Days to the expiries it looks at."""

    def rule_to_dict(self) -> dict[str, Any]:
        """Give what the rule remembers. Override me."""
        return {}

    def restore_rule(self, state: Mapping[str, Any]) -> None:
        """Take what `rule_to_dict` gave. Override me."""

    # -- life -------------------------------------------------------------------------------------------

    @property
    def legs(self) -> tuple[InstrumentId, ...]:
        """None that stay: every spread has others."""
        return ()

    @property
    def underlying(self) -> str:
        """Code of the coin."""
        if self.config.underlying is not None:
            return str(self.config.underlying)
        instrument = self.cache.instrument(self.config.instrument)
        base = None if instrument is None else instrument.get_base_currency()
        return "" if base is None else str(base.code)

    def on_start(self) -> None:
        """Subscribe the underlying, and go on with the spread there is."""
        if self.cache.instrument(self.config.instrument) is None:
            self.log.error(f"cannot trade {self.config.instrument}: no such instrument in the cache")
            self.stop()
            return
        super().on_start()

    def on_target_start(self) -> None:
        """Go on from the saved state; what is held and not known of is closed."""
        coin_settled = self.config.settlement == "coin"
        width = float(self.config.width)
        self._market = OptionMarket(self, self.underlying, coin_settled=coin_settled, width=width)
        self._memory = RuleMemory(self.msgbus, self.config.state, self._key, self._documents)
        try:
            saved = self._memory.get(_NAMESPACE)
            if saved is not None:
                self._restore(saved)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            self.log.error(f"the saved state of {self._key} cannot be read, begins anew: {error!r}")
            self.book = None
        for order in self._working():
            if TAG in (order.tags or ()):
                self.cancel_order(order)
        self.subscribe_quote_ticks(self.config.instrument)
        self._hear()
        if self.book is not None:
            self.book.hold()
            if not any(self._held().values()):
                self._warn(f"nothing is left of the {self.book.spread.kind} it held before its start")
        self._wait()

    def on_stop(self) -> None:
        """Cancel what works, and save; the spread stays, whoever stops the node decides about it."""
        for order in self._working():
            self.cancel_order(order)
        if self._alarm is not None:
            self._alarm.cancel()
        if self._memory is not None:
            self._memory.close(self.clock.timestamp_ns())
            self._memory = None

    def on_reset(self) -> None:
        """Forget the spread, too."""
        super().on_reset()
        self.book = None
        self._market = None
        self._late.clear()
        self._sending = self._given_up = False
        self._idle_since = self._deadline = self._patience = 0
        self._said = ""

    @property
    def _key(self) -> str:
        return f"{self.id.value}|{self.bar_type}"

    def _documents(self) -> dict[str, dict[str, Any]]:
        book = None if self.book is None else self.book.to_dict()
        return {_NAMESPACE: {"book": book, "idle_since": self._idle_since, "rule": self.rule_to_dict()}}

    def _restore(self, saved: Mapping[str, Any]) -> None:
        self.restore_rule(saved["rule"])
        self._idle_since = int(saved["idle_since"])
        self.book = None if saved["book"] is None else SpreadBook.from_dict(saved["book"])

    # -- bars -------------------------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Look at the market, decide, and go on with what is under way."""
        if bar.bar_type != self.bar_type:
            return
        self._hear()
        if not self._allocation(self.config.instrument) > 0.0:
            self.leave("no allocation")
        self.decide(bar.ts_event)
        self._advance()
        self._tell(bar.ts_event)
        if self._memory is not None:
            self._memory.save_sometimes(bar.ts_init)

    def _hear(self) -> None:
        if self._market is not None:
            self._market.hear(self.wanted_days, self._held())

    # -- entering ---------------------------------------------------------------------------------------

    @property
    def may_enter(self) -> bool:
        """Whether a spread may be entered now: there is none, nothing is left over, and it has waited."""
        waited = self.clock.timestamp_ns() - self._idle_since >= float(self.config.cooldown) * _NANOS
        allotted = self._allocation(self.config.instrument) > 0.0
        soon = self._too_soon(self.config.instrument)
        return self.book is None and waited and allotted and not soon and not any(self._held().values())

    def equity(self) -> float:
        """Return the equity it may use [reporting currency]; NaN when nobody can tell."""
        assert self._valuer is not None  # set in on_start
        valuation = self._valuer.value(self.clock.timestamp_ns())
        return self._allocation(self.config.instrument) * valuation.equity if valuation.fresh else math.nan

    def rate(self, spread: Spread) -> float:
        """Return what the currency of the strikes is worth [reporting currency]; NaN when unknown."""
        assert self._valuer is not None
        code = "USD" if spread.coin_settled else spread.legs[0].contract.settlement
        return self._valuer.rate(code, self.clock.timestamp_ns())

    def price_of(self, spread: Spread) -> tuple[Decimal, Decimal] | None:
        """
        Return premium and fees of a unit [settlement currency]: at the worst prices taken, in and out again.

        ``None`` when a leg cannot be had.
        """
        premium = fees = _ZERO
        for contract, ratio in spread.legs:
            name = InstrumentId.from_str(contract.name)
            at = self._best(contract.name, ratio)
            if not at > 0.0:
                return None
            fee = self.market.fee(name, Decimal(ratio), at)
            if not math.isfinite(fee):
                return None
            premium += ratio * exact(contract.multiplier) * exact(at)
            fees += 2 * exact(fee)
        return premium, fees

    def standing(self, now: int) -> Standing:
        """Return how the spread there is stands at the best prices, closing fees included; UNIX time [ns]."""
        assert self.book is not None
        touches, fees = {}, 0.0
        for name, quantity in self.book.bought.items():
            leg = InstrumentId.from_str(name)
            touches[name] = touch = self.market.touch(leg)
            price = touch.bid if quantity > 0 else touch.ask
            fees += self.market.fee(leg, quantity, price) if price > 0.0 else 0.0
        return self.book.standing(now, touches, fees)

    def enter(self, spread: Spread, units: float, *, loss: float, reason: str) -> bool:
        """
        Enter a spread, as far as lots and gates allow; tell whether orders are on their way.

        Parameters
        ----------
        spread
            Which.
        units
            How many are wanted; rounded down.
        loss
            The most a unit can lose [currency of the strikes].
        reason
            Why, in a few words.

        """
        if not self.may_enter or not math.isfinite(units):
            return False
        whole = self._affordable(spread, exact(units))
        if not whole > 0:
            self.say(f"{reason}: fewer than can be traded, {units:.6g} units")
            return False
        ts = self.clock.timestamp_ns()
        book = self.book = SpreadBook.begin(spread, whole, ts=ts, loss=loss, reason=reason)
        book.limits = {contract.name: self._best(contract.name, ratio) for contract, ratio in spread.legs}
        self._given_up, self._patience = False, 0
        self._last_open[self.config.instrument] = ts
        self.log.info(f"enters {whole} {spread.kind}: at most {book.loss:.6g} can be lost; {reason}")
        self._save()
        self._advance()
        return True

    def say(self, text: str) -> None:
        """Log what keeps it from entering, once as long as it is so."""
        if text != self._said:
            self._said = text
            self.log.info(text)

    def _affordable(self, spread: Spread, units: Decimal) -> Decimal:
        """Return the units that lots and gates allow."""
        lots = [lot_of(self.cache.instrument(InstrumentId.from_str(c.name))) for c, _ in spread.legs]
        step = max(lot.step for lot in lots)
        least = max(lot.minimum or lot.step for lot in lots)
        for lot, (_, ratio) in zip(lots, spread.legs, strict=True):
            units = units if lot.maximum is None else min(units, lot.maximum / abs(ratio))
        units = whole_units(units, step, least)
        if not units > 0:
            return _ZERO
        return whole_units(units * min(self._share(c.name, units * r) for c, r in spread.legs), step, least)

    # -- telling ----------------------------------------------------------------------------------------

    def _tell(self, ts: int) -> None:
        """Publish what is wanted of each option, and zero once of what is wanted no more."""
        held = self._held()
        wanted = self._wanted(held)
        budget = self.equity() * float(self.config.leverage)
        for leg in [leg for leg in self._exposures if leg not in wanted]:
            self._want(leg, 0.0, ts, "gone")
            del self._exposures[leg]
            self._pending.pop(leg, None)
        now = self.clock.timestamp_ns()
        assert self._valuer is not None
        for leg, quantity in wanted.items():
            unit = self._valuer.unit(self.cache.instrument(leg), now) if quantity else 0.0
            exposure = float(quantity) * unit / budget if quantity else 0.0
            if math.isfinite(exposure):
                self._want(leg, exposure, ts, "" if self.book is None else self.book.reason)
