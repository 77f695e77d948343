"""Tests of stored shapes, on a real PostgreSQL where rows are concerned.

The library's contract tests ask for its AES over `pycryptodome`; they are given its equal over
`cryptography`, which the product uses anyway.
"""

import sys

from eventsourcing import cryptography

sys.modules.setdefault("eventsourcing.cipher", cryptography)
