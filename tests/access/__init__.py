"""Who may do what, over HTTP on a whole bank: sessions, tokens, service accounts, the matrix."""
