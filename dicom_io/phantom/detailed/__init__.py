"""The detailed simulated patient: anatomy, lesions that overlap as published, and a scanner with its flaws."""
