"""Wires the layers below it: the only one with a database, threads, a clock, settings and a command line."""
