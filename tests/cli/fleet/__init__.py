"""Tests of an operator's view of many houses."""
