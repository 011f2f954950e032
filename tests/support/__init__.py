"""Tests of daemons/support/."""
