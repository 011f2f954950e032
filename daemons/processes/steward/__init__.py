"""The process that watches that every other one lives and works."""
