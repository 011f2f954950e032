"""How processes are started, reloaded and revived: supervisord, prefork, install, logs."""
