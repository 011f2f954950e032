"""Tests of daemons/supervision/."""
