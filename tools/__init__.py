"""The project's own tools: the audit of its dependencies, and the trace of an API call."""
