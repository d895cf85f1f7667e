"""
Pure rules about options: what they are worth, how they move, what the market says about volatility.

Premiums are in the currency of the forward, for one unit of the underlying, unless a name says otherwise.
Volatility is annual and a decimal (0.65), time is in nanoseconds UTC, a year has 365 days.

`contract`: what is traded. `black76`: prices and greeks. `implied_vol`: the volatility in a price.
`greeks`: what one contract or a position moves, with its unit. `venue_greeks`: what a venue says, checked.
"""
