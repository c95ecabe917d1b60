"""From headers to a Case: the role of every series, the phases of the dynamic, and the volumes."""
