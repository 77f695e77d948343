"""Published contracts: the stored events as JSON Schema, one entry per name and schema version.

`events.schema.json` is what was published last. An entry is never edited: an event that changes
gets a new version, an upcaster and a golden, and its old entry stays.
"""
