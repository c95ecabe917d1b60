"""Bytes of DICOM data sets: the file format, the elements up to the pixels, and their values."""
