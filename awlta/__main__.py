"""Run the command line as ``python -m awlta``."""

import sys

from .face.cli import main

if __name__ == "__main__":
    sys.exit(main())
