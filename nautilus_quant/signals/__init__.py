"""
Pure signal rules and the recursions they are made of.

Building blocks: `Ewma`, `EwmaVolatility`, `Adx`, `RollingMax`.
Rules of the shipped strategies: `momentum`, `mean_reversion`.

Each takes one value or bar at a time, costs the same for the first and the millionth, and goes on from
``to_dict`` exactly where it stopped.
"""
