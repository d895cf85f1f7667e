"""What the benchmark of option mathematics measures is a chain whose prices all hold a volatility."""

import numpy as np

from benchmarks.options import FORWARD, OPTIONS, chain, worst
from nautilus_quant.options.implied_vol import Information, information


def test_the_chain_is_out_of_the_money_and_solvable() -> None:
    c = chain()
    assert len(c.strike) == OPTIONS
    assert (c.call == (c.strike > FORWARD)).all()
    told = information(c.premium, FORWARD, c.strike, c.years, c.call)
    assert (told == Information.GIVEN).all()
    assert worst() < 1e-10
    assert len(np.unique(c.years)) == 20
