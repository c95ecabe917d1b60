"""Where many independent tasks are run: processes of this machine, or a Ray cluster."""
