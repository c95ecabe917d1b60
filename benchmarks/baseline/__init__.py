"""The published model as plainly as it can be written: the yardstick for exactness and speed."""
