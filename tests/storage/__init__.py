"""Tests of daemons/storage/."""
