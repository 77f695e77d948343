"""Outside banks: one port, and behind it one file per provider that alone knows its ways."""
