"""What travels between processes: messages, sequence numbers, sockets, endpoints, keys, requests."""
