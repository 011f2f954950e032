"""The contract of kinds and drivers, as tests: for those of House, and for those of other authors."""
