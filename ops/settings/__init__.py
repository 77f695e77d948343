"""The environment, read once into one frozen struct and checked before anything starts.

No other place reads environment variables; a wrong one stops the start with a line naming it.
"""

from ops.settings.reading import Settings, SettingsRefused, current_settings, read_settings

__all__ = ["Settings", "SettingsRefused", "current_settings", "read_settings"]
