"""
The remote endpoint: Streamable HTTP and SSE, for many callers.
"""
