"""
A stateful stand-in for the part of the Stripe API that the tools use, in memory.

It answers in the shape of one API version, keeps what is written, and adds up
the money. Nothing here reads the environment, prints, or uses the network.
"""

from stripe_mcp.simulator.app import Simulator

__all__ = ["Simulator"]
