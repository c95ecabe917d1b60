"""Rendered pictures: planes, colours, text and the secondary capture that holds them."""
