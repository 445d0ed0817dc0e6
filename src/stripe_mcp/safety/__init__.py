"""
What may happen, and once.
"""
