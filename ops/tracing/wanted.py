"""Whether spans are wanted, and where."""

from urllib.parse import urlsplit

from ops.settings import Settings

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def wanted(settings: Settings) -> bool:
    """Say whether spans are exported: there is a collector, and nothing switches tracing off."""
    told = settings.telemetry
    return (
        settings.flags.enable_telemetry
        and any(name in told for name in ENDPOINTS)
        and told.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and "otlp" in told.get("OTEL_TRACES_EXPORTER", "otlp").lower().split(",")
    )


def collector_of(settings: Settings) -> str:
    """Return host and port that spans go to, without what may be secret in the address."""
    url = next(settings.telemetry[name] for name in ENDPOINTS if name in settings.telemetry)
    return urlsplit(url).netloc.rpartition("@")[2]
