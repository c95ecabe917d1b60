"""What the images prove without a network: kinetics, size and diffusion of one case."""
