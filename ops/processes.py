"""What a process is called among others."""

import os
import socket


def process_name() -> str:
    """Return the name this process has in leases and in traces."""
    return f"{socket.gethostname()}/{os.getpid()}"
