"""The terminal screens of the house, and the keys of its live view."""
