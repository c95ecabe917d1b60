"""NIfTI studies as cases: names and sidecars say what each file is, strict reading says where it lies."""
