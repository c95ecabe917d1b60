"""Training and evaluation of a site's own model."""
