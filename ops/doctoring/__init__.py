"""The doctor: looks at everything a deployment stands on, and names the command that repairs it."""
