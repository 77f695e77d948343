"""The product as its users meet it: real processes, driven over HTTP and the command line."""
