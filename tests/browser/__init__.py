"""The pages for people, in a real browser."""
