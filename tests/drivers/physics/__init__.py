"""Tests of what simulated hardware does over time."""
