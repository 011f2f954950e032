"""Tests of the parts of the kind `weather`."""
