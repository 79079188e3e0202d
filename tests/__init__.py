"""What crosses the apps: the suite's databases and threads, and tests of the whole."""
