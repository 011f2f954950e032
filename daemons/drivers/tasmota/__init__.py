"""What the driver `mqtt_tasmota` needs beside its file. Pure."""
