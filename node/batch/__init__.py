"""A model over many studies at once: a row for each in one table, whatever engine did the work."""
