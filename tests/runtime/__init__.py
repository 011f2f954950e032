"""Tests of daemons/runtime/."""
