"""The headers of a study, read once: what every image says about itself."""
