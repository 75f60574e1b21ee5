"""Floor 6: command line and prompt."""
