"""The project's own tools: the audit of its dependencies, and the hops of a call."""
