"""What the gate checks: identity, documents, images."""
