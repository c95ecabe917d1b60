"""One reader for each collection's tables of labels."""
