"""Public breast MRI: list the collections, get their images, join their labels, reproduce a model."""
