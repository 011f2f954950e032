"""The parts of the kind `meter`: the counter of one source, the prices, and the ledger. Pure."""
