"""The process that writes the history."""
