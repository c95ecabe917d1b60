"""The result objects, one module for each kind."""
