"""Places to trade: the simulated market, replay of recorded data, and paper execution for either."""
