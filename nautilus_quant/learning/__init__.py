"""Learning which strategy to trust: policies, the shadow ledger, selection, comparison."""
