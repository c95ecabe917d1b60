"""What models are worth on labelled studies: the sets that are measured, the measuring, and the report as files."""
