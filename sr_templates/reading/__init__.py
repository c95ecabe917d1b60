"""Reads the objects that this package has written back: numbers of a report, volume of a parametric map."""
