"""DICOM in: headers, roles, phases, volumes, and instances over the network. No torch."""
