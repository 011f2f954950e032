"""An operator's view of many houses at one broker: their alive messages, states and commands."""
