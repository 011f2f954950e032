"""The pure parts of the driver `zmq`: its options, and what a program has said and was told."""
