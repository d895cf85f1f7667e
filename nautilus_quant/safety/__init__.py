"""
When to stop, and how to get out.

- `windows`: the highest value of a rolling time window, in bounded memory
- `window_limit`, `limits`: loss limits over an hour, a day and since the peak, and the halts they order
- `venue`, `closing`, `kill_switch`: from the trip to a flat and halted account
- `slicing`: how much a thin book bears at once
"""
