"""Tests of daemons/processes/mirror/page/."""
