"""Shapes that outlive a process: tables, stored events, the codec, the recorder, sealed fields."""
