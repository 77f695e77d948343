"""Samples: one plausible value for every schema, so that examples are never out of date."""

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
SAMPLE_ID = "01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
FORMATS = {
    "uuid": SAMPLE_ID,
    "date-time": "2025-03-01T09:30:00.123456Z",
    "email": "alice@example.com",
    "uri": "https://example.com/hook",
}
PATTERNED = (
    "text", "1234", "100.00", "USD", "US", "alice1", "DEMO_BANK", "Demo Bank", "DEUTDEFF",
    "021000021", "GB29NWBK60161331926819", "2025-03", "9f1c" * 16,
)  # fmt: skip
"""What texts of this trade look like; the first that fits a pattern is its sample."""
PLAIN: dict[str, Any] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "null": None}


def sample(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """Return a value that `schema` accepts; references lead into `components`."""
    if "$ref" in schema:
        return sample(components[schema["$ref"].rpartition("/")[2]], components)
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0], components)
    return built(schema, components)


def built(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """Return a value made up from what the type of a schema demands."""
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: sample(each, components) for name, each in properties.items()}
    if kind == "array":
        return [sample(schema.get("items", {}), components)] * max(1, schema.get("minItems", 1))
    if "pattern" in schema:
        return next((each for each in PATTERNED if re.search(schema["pattern"], each)), "text")
    if kind == "string":
        return stretched(FORMATS.get(schema.get("format", ""), PLAIN["string"]), schema)
    return max(PLAIN[kind], schema.get("minimum", 1)) if kind == "integer" else PLAIN[kind]


def stretched(text: str, schema: Schema) -> str:
    """Return `text`, long enough."""
    shortest: int = schema.get("minLength", 0)
    return text.ljust(shortest, ".")
