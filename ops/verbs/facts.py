"""Verbs that state facts: version, settings, the OpenAPI document, the reason catalogue."""

from importlib.resources import files
from pathlib import Path

import click
import msgspec

from ledger.errors import CATALOGUE
from ops import VERSION
from ops.output import Output
from ops.settings.masked import masked
from ops.verbs.files import OUT


@click.command
@click.pass_obj
def version(output: Output) -> None:
    """Print the version."""
    output.tell({"version": VERSION}, VERSION)


@click.group
def config() -> None:
    """Look at the settings."""


@config.command("check")
@click.pass_obj
def check(output: Output) -> None:
    """Check all settings; exit 3 and name every one that is wrong."""
    settings = output.settings()
    for warning in settings.warnings:
        output.say(f"warning: {warning}")
    output.tell({"valid": True, "warnings": settings.warnings}, "settings ok")


@config.command("show")
@click.pass_obj
def show(output: Output) -> None:
    """Print the effective values, secrets masked."""
    values = masked(output.settings())
    output.tell(values, *(f"{name}={value}" for name, value in values.items()))


@click.command
@click.option("--out", type=OUT, help="Write to a file.")
@click.pass_obj
def openapi(output: Output, out: Path | None) -> None:
    """Print the OpenAPI document of the HTTP interface."""
    from ops.http import published_document

    document = msgspec.json.format(msgspec.json.encode(published_document(output.settings())))
    if out is None:
        print(document.decode())
    else:
        out.write_bytes(document + b"\n")
        output.say(f"written to {out}")
        if output.as_json:
            output.tell({"file": str(out)})


@click.command
@click.option(
    "--format", "form", type=click.Choice(["tsv", "json"]), default="tsv", help="How to print it."
)
@click.pass_obj
def problems(output: Output, form: str) -> None:
    """Print the catalogue of reasons."""
    if form == "json" or output.as_json:
        print(msgspec.json.encode(list(CATALOGUE.values())).decode())
    else:
        print(files("ledger").joinpath("reasons.tsv").read_text(encoding="utf-8"), end="")
