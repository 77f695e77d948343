"""Backups: base backups and the write-ahead log beside them, and the way back to any moment.

A folder of backups holds `base/` (one folder per base backup), `wal/` (what was written since) and
`marks.jsonl` (moments with a name). PostgreSQL's own programs do the work.
"""
