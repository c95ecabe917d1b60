"""MOME: embedding, experts, encoder, head; its baselines; its checkpoints."""
