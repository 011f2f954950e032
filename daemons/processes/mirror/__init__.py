"""The process that gathers all states and serves the page."""
