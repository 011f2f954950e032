"""Tests of daemons/processes/steward/."""
