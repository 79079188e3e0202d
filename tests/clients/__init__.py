"""Clients that strangers' generators make of the OpenAPI document, and the run that tries them."""
