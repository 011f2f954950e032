"""What the driver `kasa` needs beside its file: pure, except for `part` and `search`, which ask a device."""
