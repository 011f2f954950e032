"""Tests of daemons/config/."""
