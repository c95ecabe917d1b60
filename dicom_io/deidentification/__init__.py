"""An image without its patient, for a cohort that leaves the hospital: what stays is listed, all else goes."""
