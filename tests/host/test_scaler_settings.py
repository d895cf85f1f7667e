"""What people tell carries: read once, and refused where it cannot be."""

from __future__ import annotations

import pytest
from nautilus_trader.cache.cache import Cache
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig

COIN, ONE, TWO = (InstrumentId.from_str(name) for name in ("BTC.A", "BTC-PERP.A", "BTC-PERP.B"))


def test_a_coin_is_lent_at_one_price():
    twice = [CarryPairConfig(one=COIN, two=ONE, borrow=0.05), CarryPairConfig(one=COIN, two=TWO, borrow=0.1)]
    with pytest.raises(ValueError, match=r"one borrow of BTC\.A in all pairs, was 0\.05 and 0\.1"):
        CarryRuleConfig().pairs(twice, Cache())
    with pytest.raises(ValueError, match=r"need BTC\.A in the cache"):
        CarryRuleConfig().pairs(twice[:1], Cache())


def test_rates_without_a_time_are_read_in_one_of_three_ways():
    for untimed in ("paid", "predicted", "ignored"):
        CarryRuleConfig(untimed=untimed).params()
    with pytest.raises(ValueError, match="sometimes"):
        CarryRuleConfig(untimed="sometimes").params()
