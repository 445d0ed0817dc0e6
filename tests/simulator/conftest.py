from tests.simulator.stripe_client import client, clock, http, served, v1, wire

__all__ = ["client", "clock", "http", "served", "v1", "wire"]
