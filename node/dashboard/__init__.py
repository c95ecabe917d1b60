"""Web pages and API for people who run the node: what happens, why, and the few things that they may do about it."""
