"""The saliency among the source images: where it lies, and the region where it is highest."""
