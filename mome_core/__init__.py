"""From a Case to a Result: arrays and tensors only; no DICOM, no database, no clock."""
