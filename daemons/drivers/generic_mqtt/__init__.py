"""What the driver `mqtt` needs beside its file."""
