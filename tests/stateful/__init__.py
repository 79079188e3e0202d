"""A state machine over the real server: its API, its admin, and a simple model of both."""
