"""What the node says about itself: metrics, alerts, diagnosis and drift."""
