"""Turns a Case into the arrays the network sees, and a map of the network back into patient coordinates."""
