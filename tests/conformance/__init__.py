"""
The official conformance suite of MCP, run against the server as it is and against its HTTP stack with the
tools, resources and prompts that the suite asks for.
"""
