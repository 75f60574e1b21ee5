"""Quality: flags, verdicts and verification, and which products may be selected."""
