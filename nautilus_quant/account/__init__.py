"""The account in numbers: what it is worth (`marks`, `equity`), and what came from outside (`flows`)."""
