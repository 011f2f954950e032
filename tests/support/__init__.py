"""Support code of the tests: houses, networks, emulators and clients."""
