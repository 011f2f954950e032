"""Emulated weather services on loopback, with the answers that their documentation describes."""
