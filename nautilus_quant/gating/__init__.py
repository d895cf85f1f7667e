"""Pure rules that decide when new risk may be taken."""
