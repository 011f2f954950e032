"""Tests of daemons/processes/mirror/."""
