"""What a messenger watches by itself."""
