"""`ops/fuzz`: requests made from the published document, and every answer held against it."""
