"""Tests of daemons/client/."""
