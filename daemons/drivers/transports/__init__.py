"""What several drivers share: the worker thread, MQTT, mDNS and secrets."""
