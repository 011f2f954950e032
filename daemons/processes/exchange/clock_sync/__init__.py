"""Converts the times of another host into those of this host."""
