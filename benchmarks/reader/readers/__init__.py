"""The readers that are scored, a module each: VERSION, CLAIMS and `read`."""
