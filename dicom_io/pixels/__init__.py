"""Pixels as arrays: native ones straight from the file, compressed ones through a child process."""
