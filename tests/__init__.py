"""Code of the suite that crosses apps: its databases and threads, and tests of the whole."""
