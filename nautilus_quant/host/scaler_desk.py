"""A book of carries in a node: hears the market, decides by the clock, follows what is paid, remembers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.scaler import CarryScaler
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.scaler_feed import CarryFeed
from nautilus_quant.host.scaler_funds import CarryFunds
from nautilus_quant.host.scaler_memory import CarryMemory
from nautilus_quant.host.scaler_messages import CarryCapture
from nautilus_quant.host.scaler_payments import CarryPayments, Paid
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nautilus_trader.common.actor import Actor

    from nautilus_quant.carry.capture import CaptureChange
    from nautilus_quant.carry.scaler_terms import CarryDecision
    from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig

_SECOND = 1_000_000_000


class CarryDesk:
    """
    Runs a carry scaler for an actor or a strategy.

    It decides at whole multiples of `every`, a second later, so that bars and rates of that time are known.

    Parameters
    ----------
    owner
        Whose clock, bus and subscriptions are used; running already.
    pairs, rule
        What may be held, and how boldly.
    every
        Between two decisions [s].
    held
        Signed notional of a pair now, by its name [reporting currency]; NaN when nobody can tell.
    is_ours
        Tells whether a position, by its id, is part of the book.
    on_time
        Told when it is time to decide, UNIX time [ns].
    state
        URL of the state store; ``None`` keeps nothing over a restart.
    currency
        Reporting currency; ``None`` takes the account's.
    maintenance
        Maintenance margin per notional of instruments that name none [-].

    Raises
    ------
    ValueError
        If a parameter is impossible, or an instrument is not in the cache.

    """

    def __init__(
        self,
        owner: Actor,
        pairs: Iterable[CarryPairConfig],
        rule: CarryRuleConfig,
        *,
        every: float,
        held: Callable[[str], float],
        is_ours: Callable[[str], bool],
        on_time: Callable[[int], None],
        state: str | None,
        currency: str | None,
        maintenance: float = 0.005,
    ) -> None:
        self._owner = owner
        self._held = held
        self._on_time = on_time
        self._every = int(every * _SECOND)
        bus, cache = owner.msgbus, owner.cache
        self.valuer = Valuer.on(bus, currency)
        self.scaler = CarryScaler(rule.pairs(pairs, cache), rule.params())
        self.keys = {
            name: key_of(pair.one.instrument, pair.two.instrument) for name, pair in self.scaler.pairs.items()
        }
        self.funds = CarryFunds(cache, self.valuer, maintenance)
        self.feed = CarryFeed(
            self.scaler,
            bus,
            cache,
            self.valuer,
            untimed=rule.untimed,
            interval=int(rule.interval * _SECOND),
            on_stamps=self._arm,
        )
        self._ids = {name: InstrumentId.from_str(name) for name in self.scaler.markets}
        self._payments = CarryPayments(
            self.scaler.pairs.values(),
            bus,
            self.valuer,
            held=held,
            is_ours=is_ours,
            currencies={
                name: cache.instrument(i).get_settlement_currency().code for name, i in self._ids.items()
            },
            trusts=not is_backtest(find_kernel(bus)),
            on_paid=self._on_paid,
        )
        self.tells = True
        self._memory = CarryMemory(owner.id.value, state, owner.log)
        self._cadence = SaveCadence(bus, state)
        self._noted: dict[str, tuple[float, str]] = {}
        self._stamps = Alarm(owner.clock, f"{owner.id.value}-carry-stamps", self._on_stamp)
        self._decisions = Alarm(owner.clock, f"{owner.id.value}-carry-decisions", self._on_decision)

    # -- life ----------------------------------------------------------------------------------------

    def start(self, *, premium: bool) -> None:
        """
        Go on where the last run ended, listen, and decide by the clock.

        Parameters
        ----------
        premium
            Whether mark and index prices are subscribed, to foretell rates by the premium.

        """
        self._restore()
        self.feed.start()
        self._payments.start()
        for name, market in self.scaler.markets.items():
            instrument_id = self._ids[name]
            self._owner.subscribe_quote_ticks(instrument_id)
            if market.leg.is_perpetual:
                self._owner.subscribe_funding_rates(instrument_id)
                if premium:
                    self._owner.subscribe_mark_prices(instrument_id)
                    self._owner.subscribe_index_prices(instrument_id)
        self._wait()

    def stop(self) -> None:
        """Listen no more, and keep what is known."""
        now = self._owner.clock.timestamp_ns()
        self._settle(now)
        self.feed.stop()
        self._payments.stop()
        self._stamps.cancel()
        self._decisions.cancel()
        self._memory.keep(self._document(), now)
        self._memory.close()

    def _document(self) -> dict[str, Any]:
        return {"scaler": self.scaler.to_dict(), "schedule": self.feed.schedule.to_dict()}

    def _restore(self) -> None:
        try:
            saved = self._memory.load()
            if saved is not None:
                self.scaler.restore(saved["scaler"])
                self.feed.schedule.restore(saved["schedule"])
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            self._owner.log.error(f"the saved state of carries cannot be read, they begin anew: {error!r}")

    # -- time ----------------------------------------------------------------------------------------

    def _wait(self) -> None:
        now = self._owner.clock.timestamp_ns()
        self._decisions.set((now // self._every + 1) * self._every + _SECOND)

    def _on_decision(self, event: Any) -> None:
        self._wait()
        self._settle(event.ts_event)
        self._on_time(event.ts_event)
        if self._cadence.is_due(event.ts_event):
            self._memory.keep(self._document(), event.ts_event)

    def _arm(self) -> None:
        times = [time for time in (self.feed.schedule.next, self._payments.next) if time is not None]
        if not times:
            return
        at = max(min(times), self._owner.clock.timestamp_ns()) + 1
        if self._stamps.at != at:
            self._stamps.set(at)

    def _on_stamp(self, event: Any) -> None:
        self._settle(event.ts_event)
        self._arm()

    def _settle(self, now: int) -> None:
        self._payments.expect(self.feed.settle(now))
        self._payments.poll(now)

    # -- decisions -----------------------------------------------------------------------------------

    def decide(self, now: int, held: Mapping[str, float] | None = None) -> dict[str, CarryDecision]:
        """
        Return what should be held of every pair at `now`, UNIX time [ns], and write it down.

        Parameters
        ----------
        now
            UNIX time [ns].
        held
            Signed notional of each pair; ``None`` asks for it.

        """
        self.feed.read_fees()
        venues = {instrument_id.venue for instrument_id in self._ids.values()}
        if held is None:
            held = {name: self._held(name) for name in self.scaler.pairs}
        decisions = self.scaler.decide(now, self.funds.read(venues, now), held)
        for decision in decisions.values():
            self._note(decision, now)
        return decisions

    def _note(self, decision: CarryDecision, now: int) -> None:
        """Write down a change, and not the same again with every decision."""
        size, why = self._noted.get(decision.pair, (0.0, ""))
        threshold = self.scaler.params.rebalance * max(abs(size), abs(decision.size))
        if why != decision.why or abs(size - decision.size) > threshold:
            self._noted[decision.pair] = (decision.size, decision.why)
            self._memory.note(decision, now)

    # -- payments ------------------------------------------------------------------------------------

    def _on_paid(self, paid: Paid, now: int) -> None:
        change = self.scaler.paid(paid.pair, paid.instrument, paid.notional, paid.amount)
        found = self.scaler.theses.captures.ratio(paid.pair)
        ratio = math.nan if found is None else found
        body = {
            "instrument": paid.instrument,
            "notional": paid.notional,
            "paid": paid.amount,
            "ratio": ratio,
        }
        self._memory.note_payment(paid.pair, now, body)
        if not self.tells:
            return
        key = self.keys[paid.pair]
        publish(self._owner.msgbus, CarryCapture(key=key, ts=now, ratio=ratio, paid=paid.amount))
        if change is not None:
            self._alert(change, now)

    def _alert(self, change: CaptureChange, now: int) -> None:
        params = self.scaler.params.capture
        text = (
            f"{change.position}: {change.ratio:.0%} of the funding it is held for is paid, below "
            f"{params.low:.0%}: scaled down"
            if change.is_low
            else f"{change.position}: {change.ratio:.0%} of the funding it is held for is paid again"
        )
        (self._owner.log.warning if change.is_low else self._owner.log.info)(text)
        numbers = {"ratio": change.ratio, "paid": change.paid, "expected": change.expected}
        publish(
            self._owner.msgbus,
            Alert(
                key=f"carry|{change.position}",
                ts=now,
                source="carry",
                severity="WARNING" if change.is_low else "INFO",
                text=text,
                numbers=numbers,
            ),
        )


def key_of(one: str, two: str) -> str:
    """Return the key of a pair in messages, by the ids of its instruments."""
    return f"{one}|{two}"
