"""What carry pays: funding that is owed and expected, what it costs to earn it, and how much to hold."""
