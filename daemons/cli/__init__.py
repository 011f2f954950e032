"""The `house` command: one file a group of verbs."""
