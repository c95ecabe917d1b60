"""The database's memory: one verb is one transaction, and every change of a study goes through the table of states."""
