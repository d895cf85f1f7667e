"""What stands between NautilusTrader and our rules: kernel, order gateway, messages, state."""
