"""What the images prove without a network: kinetics, size, diffusion and breast tissue of one case."""
