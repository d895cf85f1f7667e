"""
Quotes through a live node: eight instruments, eight strategies, every gate, simulated fills.

Runs in a process of its own (``python -m benchmarks.live_quotes``), so that memory is the node's.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.figure import Figure
from benchmarks.timing import percentile

if TYPE_CHECKING:
    from nautilus_trader.live.node import TradingNode
    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.instruments import Instrument

ROOT = Path(__file__).resolve().parent.parent
COINS = ("BTC", "ETH", "ADA", "BNB", "DOT", "LINK", "LTC", "XRP")
RATE = 10_000
"""Quotes a second the node has to keep up with."""
LASTS = 20.0
"""How long it has to, after a warm-up of a quarter of that [s]."""
BURST = 50_000
PARCEL = 500
SIZE = 12_345
"""Of our quotes, so that they are told from the market's [coins]."""
START = 60.0


def deployment(folder: Path) -> Path:
    """Write the deployment: every gate, and one strategy for each instrument."""
    document = {
        "mode": "paper",
        "state": f"sqlite:///{folder / 'state.db'}",
        "status_file": str(folder / "status.json"),
        "log": {"file": str(folder / "node.log")},
        "venues": {"SIM": {"adapter": "simulated", "balances": ["100_000 USDT"], "leverage": 10, "seed": 7}},
        "actors": {
            "safety": {"use": "safety_engine", "kill_file": str(folder / "kill")},
            "regime": {"use": "regime_gate"},
        },
        "strategies": {f"momentum-{coin.lower()}": arm(coin) for coin in COINS},
    }
    path = folder / "quotes.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    return path


def arm(coin: str) -> dict[str, Any]:
    """Return the strategy of one coin."""
    instrument = f"{coin}USDT-PERP.SIM"
    return {"use": "momentum", "instrument": instrument, "bar": "1-SECOND", "fast": 10, "slow": 30}


def resident() -> float:
    """Return the memory this process holds [MiB]."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Stream:
    """
    Quotes of each instrument in turn, a tick up, a tick down, around where its market is.

    Parameters
    ----------
    node
        Where they go.
    instruments
        Of the embedded market, which goes on quoting beside.

    """

    def __init__(self, node: TradingNode, instruments: list[Instrument]) -> None:
        self._clock = node.kernel.clock
        self._process = node.kernel.data_engine.process
        self._shapes = cycle([shape for step in range(3) for shape in self._quoted(node, instruments, step)])
        self.sent = self.seen = 0
        node.kernel.msgbus.subscribe("data.quotes.*", self._on_quote)

    def _quoted(
        self, node: TradingNode, instruments: list[Instrument], step: int
    ) -> Iterator[tuple[Any, ...]]:
        from nautilus_trader.model.objects import Quantity

        for instrument in instruments:
            bid = float(node.cache.quote_tick(instrument.id).bid_price) + step * float(
                instrument.price_increment
            )
            ask = bid + float(instrument.price_increment)
            size = Quantity(SIZE, instrument.size_precision)
            yield instrument.id, instrument.make_price(bid), instrument.make_price(ask), size, size

    @property
    def waiting(self) -> int:
        """Quotes sent which nobody has heard yet."""
        return self.sent - self.seen

    def send(self, count: int) -> None:
        """Hand over so many at once, as a data client does."""
        from nautilus_trader.model.data import QuoteTick

        for _ in range(count):
            now = self._clock.timestamp_ns()
            self._process(QuoteTick(*next(self._shapes), now, now))
        self.sent += max(count, 0)

    def _on_quote(self, quote: QuoteTick) -> None:
        """Hear a quote; those of the market itself have other sizes."""
        if quote.bid_size == quote.ask_size == SIZE:
            self.seen += 1


async def burst(stream: Stream) -> float:
    """Return how many quotes a second go through when they come as fast as they can."""
    start = perf_counter()
    for _ in range(BURST // PARCEL):
        stream.send(PARCEL)
        while stream.waiting:  # noqa: ASYNC110 (a queue tells nobody that it is empty)
            await asyncio.sleep(0)
    return BURST / (perf_counter() - start)


async def steady(stream: Stream) -> dict[str, float]:
    """Send at the rate of the budget; watch what waits before each parcel, and the memory."""
    waiting: list[int] = []
    memory, before = 0.0, stream.sent
    start = perf_counter()
    while (elapsed := perf_counter() - start) < LASTS * 1.25:
        waiting.append(stream.waiting)
        if not memory and elapsed > LASTS / 4:
            memory, waiting = resident(), []
        stream.send(int(elapsed * RATE) - (stream.sent - before))
        await asyncio.sleep(0.005)
    rate = (stream.sent - before) / elapsed
    return {
        "median": median(waiting),
        "p99": percentile(waiting, 0.99),
        "rate": rate,
        "growth": resident() - memory,
    }


async def drive(node: TradingNode) -> dict[str, float]:
    """Start the node, measure, stop it."""
    running = asyncio.get_running_loop().create_task(node.run_async())
    try:
        async with asyncio.timeout(START):
            while not (node.trader.is_running and len(quoted(node)) == len(COINS)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        stream = Stream(node, quoted(node))
        rate = await burst(stream)
        return {"burst": rate, **await steady(stream)}
    finally:
        await node.stop_async()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def quoted(node: TradingNode) -> list[Instrument]:
    """Return the instruments that have a quote."""
    return [i for i in node.cache.instruments() if node.cache.quote_tick(i.id) is not None]


def main() -> int:
    """Measure in this process and print the numbers as JSON."""
    from nautilus_quant.config import load
    from nautilus_quant.config.native import node_config
    from nautilus_quant.host.runner_live import build_node, make_loop
    from nautilus_quant.host.runner_session import quiet

    with tempfile.TemporaryDirectory() as folder:
        loop = make_loop()
        node = build_node(quiet(node_config(load(deployment(Path(folder))))), loop)
        numbers: dict[str, Any] = loop.run_until_complete(drive(node))
        node.dispose()
    print(json.dumps(numbers))
    return 0


def measure() -> list[Figure]:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.live_quotes"]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    numbers = json.loads(done.stdout.splitlines()[-1])
    paced = f"{numbers['rate']:,.0f} quotes/s for {LASTS:g} s"
    return [
        Figure(
            "live node, 8 instruments: quotes",
            numbers["burst"],
            "1/s",
            RATE,
            at_least=True,
            note="as fast as they go",
        ),
        Figure("live node at 10,000 quotes/s: waiting, median", numbers["median"], "quotes", 1.0, note=paced),
        Figure("live node at 10,000 quotes/s: waiting, p99", numbers["p99"], "quotes", 500.0, note=paced),
        Figure("live node at 10,000 quotes/s: memory growth", numbers["growth"], "MiB", 5.0, note=paced),
    ]


if __name__ == "__main__":
    sys.exit(main())
