"""The edge over real sockets: wire conventions, problems, documents, server."""
