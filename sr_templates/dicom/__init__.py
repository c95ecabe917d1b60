"""What the result objects share as DICOM: common attributes, codes, evidence, references, frames."""
