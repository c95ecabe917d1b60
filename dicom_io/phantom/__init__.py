"""Synthetic breast MRI studies: a simulated patient, and the files that four vendors' scanners would write of her."""
