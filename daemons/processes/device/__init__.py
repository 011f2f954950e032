"""The process of one appliance."""
