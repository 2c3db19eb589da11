"""``python -m noisefix``: the same as the ``noisefix`` command."""

import sys

from noisefix.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
