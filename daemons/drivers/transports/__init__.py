"""Code that several drivers share: the worker thread, MQTT, mDNS and secrets."""
