"""`ops/bench log`: how fast a long log is read, proven, searched and made into read models."""
