"""What goes over the bridge to a broker: topics, entities, orders, and the session that carries them."""
