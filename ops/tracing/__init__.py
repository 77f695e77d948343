"""Tracing: spans of this process, exported over OTLP/HTTP where the environment names a collector.

Only `ops.tracing.sdk` and what it alone imports know the library; without a collector it is not
even loaded.
"""
