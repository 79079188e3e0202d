"""Visits as entries of calendars (RFC 5545, RFC 5546): one visit as a file, and feeds."""
