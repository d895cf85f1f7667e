"""What the venues say is open, and what is done where the node believes something else."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GenerateOrderStatusReports, GeneratePositionStatusReports
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.enums import OmsType

from nautilus_quant.host.routing import clients, serves

if TYPE_CHECKING:
    from nautilus_trader.execution.reports import OrderStatusReport, PositionStatusReport
    from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, PositionId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.liquidator import Liquidator

_SECOND = 1_000_000_000
SETTLE = 3 * _SECOND
"""An order of the last few seconds may be missing from a venue's list and yet be on its way [ns]."""
LOST = 10 * _SECOND
"""After which an order that no venue has answered for, and none lists, is not waited for any longer [ns]."""
PAUSE = 2 * _SECOND
"""Between two questions while something is being closed [ns]: a list of all orders is dear, a ban fatal."""
REST = 30 * _SECOND
"""The same once the node is flat and halted, and the longest pause after answers that failed [ns]."""
LASTING = 5 * _SECOND
"""How long node and venue must differ before the venue is believed [ns]: fills and answers cross."""
PATIENCE = 10.0
"""How long one venue may take to answer [s]."""

_ZERO = Decimal(0)

type Held = tuple[InstrumentId, PositionId | None]
"""What a venue counts as one: all of an instrument where it nets, else each position for itself."""


class Answer(NamedTuple):
    """What one venue says it holds and works."""

    client: LiveExecutionClient
    positions: list[PositionStatusReport]
    orders: list[OrderStatusReport]


class VenueTruth:
    """
    Ask all venues now and then, and bring the node's books in line with what they answer.

    Orders and positions which only a venue knows are taken in, so that they are cancelled and closed.
    A position which the venue counts otherwise is corrected when the two have differed for a while.
    An order which the node takes for open and its venue does not list is a ghost.

    Parameters
    ----------
    kernel
        The node.
    liquidator
        Tells what is too small to be closed.

    """

    def __init__(self, kernel: NautilusKernel, liquidator: Liquidator) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._liquidator = liquidator
        self._asked: asyncio.Task[None] | None = None
        self._asked_at = 0
        self._failures = 0
        self._confirmed = False
        self._differing: dict[Held, tuple[Decimal, Decimal, int]] = {}
        self.ghosts: set[ClientOrderId] = set()
        self.problem = ""

    def confirmed(self, *, resting: bool) -> bool:
        """
        Tell whether the venues have said that nothing is open; each answer counts once.

        Parameters
        ----------
        resting
            Nothing is expected to change: ask rarely.

        """
        live = [c for c in clients(self._kernel.exec_engine) if isinstance(c, LiveExecutionClient)]
        if not live:
            return True  # a simulated exchange fills into the cache directly: the cache is the venue
        if self._asked is not None and not self._asked.done():
            return False
        answer, self._confirmed = self._confirmed, False
        now = self._kernel.clock.timestamp_ns()
        if not 0 <= now - self._asked_at < self._pause(resting=resting):
            self._asked_at = now
            self._asked = self._kernel.loop.create_task(self._ask(live, now))
        return answer

    def _pause(self, *, resting: bool) -> int:
        return REST if resting else min(PAUSE * 2 ** min(self._failures, 8), REST)

    async def _ask(self, live: list[LiveExecutionClient], now: int) -> None:
        before = self._believed(live)
        results = await asyncio.gather(*(self._answer(client) for client in live), return_exceptions=True)
        failed = [r for r in results if isinstance(r, BaseException)]
        self.problem = repr(failed[0]) if failed else ""
        self._failures = self._failures + 1 if failed else 0
        answers = [r for r in results if isinstance(r, Answer)]
        try:
            self.ghosts = {o.client_order_id for a in answers for o in self._unlisted(a, now)}
            for answer in answers:
                self._take_in_orders(answer)
            await self._settle(answers, before, now)
        except Exception as error:  # noqa: BLE001 (whatever an adapter or NautilusTrader raises: not confirmed)
            self.problem = repr(error)
            return
        self.problem = self.problem or self._out_of_reach(answers)
        self._confirmed = not failed and not any(map(self._anything, answers))

    async def _answer(self, client: LiveExecutionClient) -> Answer:
        async with asyncio.timeout(PATIENCE):
            positions = await self._positions_at(client, None)
            return Answer(client, positions, await self._orders_at(client))

    async def _positions_at(
        self, client: LiveExecutionClient, instrument_id: InstrumentId | None
    ) -> list[PositionStatusReport]:
        command = GeneratePositionStatusReports(
            instrument_id=instrument_id,
            start=None,
            end=None,
            command_id=UUID4(),
            ts_init=self._kernel.clock.timestamp_ns(),
        )
        return list(await client.generate_position_status_reports(command))

    async def _orders_at(self, client: LiveExecutionClient) -> list[OrderStatusReport]:
        command = GenerateOrderStatusReports(
            instrument_id=None,
            start=None,
            end=None,
            open_only=True,
            command_id=UUID4(),
            ts_init=self._kernel.clock.timestamp_ns(),
        )
        return [r for r in await client.generate_order_status_reports(command) if r.is_open]

    def _anything(self, answer: Answer) -> bool:
        """Tell whether a venue holds or works anything that could be closed or cancelled."""
        held = {key: size for key, size in _reported(answer).items() if size}
        return bool(answer.orders) or any(
            not self._liquidator.is_dust(instrument_id, size) for (instrument_id, _), size in held.items()
        )

    def _out_of_reach(self, answers: list[Answer]) -> str:
        """Say what a venue has in instruments this node has not loaded: it cannot trade them."""
        there = {key[0] for a in answers for key, size in _reported(a).items() if size}
        there |= {report.instrument_id for a in answers for report in a.orders}
        unknown = sorted(str(name) for name in there if self._cache.instrument(name) is None)
        return f"not loaded here, close it at the venue: {', '.join(unknown)}" if unknown else ""

    # -- orders ------------------------------------------------------------------------------------

    def _unlisted(self, answer: Answer, asked: int) -> list[Order]:
        """Return orders taken for open since well before the venue was asked, which it does not list."""
        listed = {report.client_order_id for report in answer.orders}
        numbers = {report.venue_order_id for report in answer.orders}
        settled = [o for o in self._cache.orders_open() if o.ts_last < asked - SETTLE]
        silent = [o for o in self._cache.orders_inflight() if o.ts_last < asked - LOST]
        return [
            order
            for order in (*settled, *silent)
            if serves(self._kernel.exec_engine, answer.client, order)
            and order.client_order_id not in listed
            and order.venue_order_id not in numbers
        ]

    def _take_in_orders(self, answer: Answer) -> None:
        for report in answer.orders:
            name = report.client_order_id or self._cache.client_order_id(report.venue_order_id)
            if name is None or not self._cache.order_exists(name):
                self._kernel.exec_engine.reconcile_execution_report(report)

    # -- positions ---------------------------------------------------------------------------------

    def _believed(self, live: list[LiveExecutionClient]) -> dict[tuple[str, Held], Decimal]:
        """Return what the node takes each venue to hold, by client id."""
        held: dict[tuple[str, Held], Decimal] = {}
        for client in live:
            hedging = client.oms_type == OmsType.HEDGING
            for position in self._cache.positions_open():
                if serves(self._kernel.exec_engine, client, position):
                    key = (client.id.value, (position.instrument_id, position.id if hedging else None))
                    held[key] = held.get(key, _ZERO) + position.signed_decimal_qty()
        return held

    async def _settle(self, answers: list[Answer], before: dict[tuple[str, Held], Decimal], now: int) -> None:
        """Correct what has differed for long enough, with nothing having moved meanwhile."""
        differing: dict[Held, tuple[Decimal, Decimal, int]] = {}
        for answer in answers:
            name, said = answer.client.id.value, _reported(answer)
            believed = self._believed([answer.client])
            for key in {*said, *(key for owner, key in believed if owner == name)}:
                there, here = said.get(key, _ZERO), believed.get((name, key), _ZERO)
                if there == here or here != before.get((name, key), _ZERO):
                    continue
                known = self._differing.get(key, (there, here, now))
                since = known[2] if known[:2] == (there, here) else now
                if now - since >= LASTING:
                    await self._correct(answer, key)
                else:
                    differing[key] = (there, here, since)
        self._differing = differing

    async def _correct(self, answer: Answer, key: Held) -> None:
        reports = [r for r in answer.positions if _key(answer.client, r) == key]
        if not reports:
            # An adapter that failed may answer with an empty list: only an express word counts as flat.
            async with asyncio.timeout(PATIENCE):
                reports = await self._positions_at(answer.client, key[0])
            reports = [r for r in reports if _key(answer.client, r) == key]
        for report in reports:
            self._kernel.exec_engine.reconcile_execution_report(report)


def _key(client: LiveExecutionClient, report: PositionStatusReport) -> Held:
    hedging = client.oms_type == OmsType.HEDGING
    return (report.instrument_id, report.venue_position_id if hedging else None)


def _reported(answer: Answer) -> dict[Held, Decimal]:
    held: dict[Held, Decimal] = {}
    for report in answer.positions:
        key = _key(answer.client, report)
        held[key] = held.get(key, _ZERO) + report.signed_decimal_qty
    return held
