"""
37 Stripe templates as tools for every MCP client.
"""

__version__ = "0.1.0"
