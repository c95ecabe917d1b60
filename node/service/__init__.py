"""The processes of a running node: supervisor, listener, scheduler, worker and delivery."""
