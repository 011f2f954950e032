"""Tests of daemons/docs/."""
