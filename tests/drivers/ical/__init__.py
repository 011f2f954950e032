"""Tests of what the drivers of calendars have in common."""
