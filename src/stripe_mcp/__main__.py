"""
`python -m stripe_mcp` is the `stripe-mcp` command.
"""

import sys

from stripe_mcp.cli import main

sys.exit(main())
