"""``python -m alliance`` is the ``alliance`` command."""

import sys

from alliance.cli import main

sys.exit(main())
