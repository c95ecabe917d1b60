"""The ledger (database) and the archive (files)."""
