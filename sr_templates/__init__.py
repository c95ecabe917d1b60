"""DICOM out: turns a Result into Structured Report, parametric map and their fallbacks. No files, no network."""
