"""What stands in the run directory: paths, locks, journals and the history."""
