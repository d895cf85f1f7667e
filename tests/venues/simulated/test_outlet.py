"""Several venues of one market: what they have in common, and what is each one's own."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from nautilus_quant.venues.simulated import MarketConfig, SimulatedDataClientConfig
from nautilus_quant.venues.simulated.instruments import instrument
from nautilus_quant.venues.simulated.listing import listings
from nautilus_quant.venues.simulated.outlet import Apart, Outlet, drift
from nautilus_quant.venues.simulated.state import MarketState
from tests.venues.simulated.conftest import blocks_of

BASE = {"seed": 11, "step": 0.5, "history": 60.0, "spot": True}
BTC = 0


def venue(name: str, **own) -> MarketConfig:
    return MarketConfig(**BASE, outlet=Outlet(name=name, **own))


def mids(config: MarketConfig, blocks, group: int) -> np.ndarray:
    """Prices in the middle of the book. Shape: (coins, steps)."""
    ticks = np.array([10.0**-item.price_precision for item in listings(config)])[8 * group : 8 * group + 8]
    found = [(block.groups[group].books.bid + block.groups[group].books.ask) / 2 for block in blocks]
    return np.concatenate(found, axis=1) * ticks[:, None]


def index(config: MarketConfig, blocks) -> np.ndarray:
    ticks = np.array([10.0**-item.price_precision for item in listings(config)])[:8]
    return np.concatenate([block.groups[0].index for block in blocks], axis=1) * ticks[:, None]


@pytest.fixture(scope="module")
def three():
    """Half an hour of three venues."""
    configs = (
        venue("SIM_A"),
        venue("SIM_B", basis=0.0004, premium_mean=9.0, spread=3.0, depth=0.5, price_decimals=-1),
        venue("SIM_C", basis=0.001, basis_half_life=5.0),
    )
    return [(config, blocks_of(config, 30)) for config in configs]


def test_all_show_the_same_fair_prices(three):
    (one, ours), *others = three
    for config, blocks in others:
        # Two venues round the same number, one of them to a tenth of the ticks.
        coarsest = 10.0 ** -min(item.price_precision for item in (listings(config)[BTC], listings(one)[BTC]))
        assert np.abs(index(one, ours)[BTC] - index(config, blocks)[BTC]).max() <= 0.55 * coarsest
        assert one.common == config.common


@pytest.mark.parametrize("group", [0, 1])
def test_prices_wander_around_the_market_by_as_much_as_is_said(three, group):
    found = []
    for config, blocks in three:
        apart = mids(config, blocks, group) / index(config, blocks) - 1.0
        if group == 0:
            apart -= np.concatenate([np.median(block.basis.smooth, axis=1)[:, None].repeat(block.ts.size, 1)
                                     for block in blocks], axis=1)  # fmt: skip
        found.append(apart[[0, 1, 3]].std())
    assert found[0] == pytest.approx(0.0002, rel=0.5)
    assert found[1] == pytest.approx(0.0004, rel=0.4)
    assert found[2] == pytest.approx(0.001, rel=0.3)
    assert found[0] < found[1] < found[2]


def test_venues_move_together_and_differ(three):
    (_, ours), (config, theirs), _ = three
    here, there = mids(venue("SIM_A"), ours, 1)[BTC], mids(config, theirs, 1)[BTC]
    moves = [np.diff(np.log(prices[::120])) for prices in (here, there)]
    assert np.corrcoef(moves)[0, 1] > 0.5
    assert np.abs(here / there - 1.0).max() > 0.0004


def test_a_venue_is_the_same_whichever_others_there_are():
    (block,) = blocks_of(venue("SIM_B", spread=2.0), 1)
    (again,) = blocks_of(venue("SIM_B", spread=2.0), 1)
    (other,) = blocks_of(venue("SIM_C", spread=2.0), 1)
    assert np.array_equal(block.groups[0].books.bid, again.groups[0].books.bid)
    assert not np.array_equal(block.groups[0].books.bid_size, other.groups[0].books.bid_size)


def test_spreads_and_depth_are_the_venues_own(three):
    (_, ours), (_, theirs), _ = three
    ada = 2  # its usual spread is many ticks, but for the coarse venue
    link = 5

    def spread(blocks, row):
        return np.mean([(b.groups[1].books.ask - b.groups[1].books.bid)[row].mean() for b in blocks])

    assert spread(theirs, link) * 10 > 2.0 * spread(ours, link)  # a tick there is ten here
    sizes = [np.mean([b.groups[0].books.bid_size[ada].mean() for b in blocks]) for blocks in (ours, theirs)]
    assert sizes[1] == pytest.approx(0.5 * sizes[0], rel=0.15)


def test_funding_follows_the_venues_premium(three):
    rates = [np.mean([block.basis.rates for block in blocks[5:]]) for _, blocks in three]
    # 9 bp above the others, less the 5 bp within which the rate is the interest
    assert rates[1] > rates[0] + 20_000
    assert rates[1] > rates[2] + 20_000


def test_how_far_a_venue_is_comes_back_by_half_and_has_its_size():
    rng = np.random.default_rng(4)
    own, apart = (
        Outlet(name="X", basis=0.0003, basis_half_life=10.0, premium=0.0002, premium_mean=-4.0),
        (Apart.initial()),
    )
    perp, spot = [], []
    for _ in range(400):
        block, apart = drift(own, apart, 12, 5.0, rng)
        perp.append(block.perp[1:])
        spot.append(block.spot[1:])
    spots = np.concatenate(spot)
    assert spots.std() == pytest.approx(0.0003, rel=0.05)
    # a slot is five seconds, half of the half-life: 0.5^0.5
    assert np.corrcoef(spots[:-1].ravel(), spots[1:].ravel())[0, 1] == pytest.approx(0.707, abs=0.02)
    assert np.concatenate(perp).mean() == pytest.approx(-0.0004, abs=0.0001)


def test_the_state_survives_json_exactly():
    config = venue("SIM_B")
    state = MarketState.initial(len(listings(config)))
    from nautilus_quant.venues.simulated.blocks import generate
    from nautilus_quant.venues.simulated.market import Timeline
    from tests.venues.simulated.conftest import ORIGIN

    timeline = Timeline(config, ORIGIN)
    _, state = generate(timeline, 0, state)
    again = MarketState.from_dict(msgspec.json.decode(msgspec.json.encode(state.to_dict())))
    (one, _), (two, _) = generate(timeline, 1, state), generate(timeline, 1, again)
    assert np.array_equal(one.groups[1].books.bid, two.groups[1].books.bid)
    assert np.array_equal(one.groups[0].tape.price, two.groups[0].tape.price)


def test_instruments_have_the_venues_ticks_lots_and_fees():
    own = Outlet(name="B", price_decimals=-1, size_decimals=1, maker_fee=0.0001, spot_taker_fee=0.0007)
    config = MarketConfig(**BASE, outlet=own)
    everything = listings(config)
    perp, spot = instrument(everything[BTC], "SIM_B", own), instrument(everything[8], "SIM_B", own)
    assert (str(perp.price_increment), str(perp.size_increment)) == ("1", "0.0001")
    assert (str(spot.price_increment), str(spot.size_increment)) == ("0.1", "0.000001")
    assert (perp.maker_fee, perp.taker_fee) == (Decimal("0.0001"), Decimal("0.0005"))
    assert (spot.maker_fee, spot.taker_fee) == (Decimal("0.001"), Decimal("0.0007"))
    ada = instrument(listings(MarketConfig(**BASE, outlet=Outlet(size_decimals=-2)))[2], "SIM_B")
    assert str(ada.size_increment) == "1"  # no lots of hundreds: there are no negative decimals


def test_identities():
    plain, own = MarketConfig(**BASE), venue("SIM_B")
    assert own.identity != plain.identity
    assert own.identity == venue("SIM_B", spread=9.0, maker_fee=0.0).identity
    assert own.identity != venue("SIM_B", price_decimals=1).identity
    assert own.identity != venue("SIM_C").identity
    assert b"outlet" not in plain.encoded()
    assert venue("SIM_B", spread=9.0).encoded() != own.encoded()
    assert msgspec.structs.replace(own, seed=12).common != own.common
    assert msgspec.structs.replace(own, funding_interval=3_600.0).common == own.common


def test_a_venue_goes_by_its_name():
    config = SimulatedDataClientConfig(venue="SIM_B", outlet=Outlet(spread=2.0))
    assert config.market.outlet == Outlet(name="SIM_B", spread=2.0)
    assert SimulatedDataClientConfig(venue="SIM_B", outlet=Outlet(name="X")).market.outlet.name == "X"
    assert SimulatedDataClientConfig().market.outlet is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"basis_half_life": 0.0}, "basis_half_life must be at least 1"),
        ({"basis": 0.5}, "basis must be at most 2 %"),
        ({"premium_mean": 500.0}, "premium_mean must be"),
        ({"depth": 0.0}, "depth must be from 0.01"),
        ({"size_decimals": 4}, "size_decimals must be"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Outlet(**wrong)
