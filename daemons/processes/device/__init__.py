"""The process of one appliance: its requests, its rules and its hardware."""
