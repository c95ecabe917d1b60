"""An evaluation as one HTML page that needs no network: one file for each of its figures and tables."""
