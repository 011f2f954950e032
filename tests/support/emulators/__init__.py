"""Emulated hardware, one file for each driver: real sockets, real bytes."""
