"""Kill hosts that share a ledger while scanners send; then compare what was promised with what is there."""
