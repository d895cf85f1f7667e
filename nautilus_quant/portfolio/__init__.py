"""Pure rules that turn wishes into sizes."""
