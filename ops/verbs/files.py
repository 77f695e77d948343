"""Files as flags of verbs: one that can be written, which is seen before any work is done."""

import os
from pathlib import Path
from typing import Any

import click
from typing_extensions import override


class Out(click.Path):
    """A file to write, in a folder that takes it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True, readable=False)

    @override
    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path; misuse where nothing can be written."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            self.fail(f"nothing can be written in {str(path.parent)!r}", param, ctx)
        return path


OUT = Out()
