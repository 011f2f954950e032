"""The exchange: gateways for programs, links to other hosts, and proxies for devices that run elsewhere."""
