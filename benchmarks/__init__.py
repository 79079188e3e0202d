"""`make bench`: what a call costs, beside yardsticks of the same run (docs/performance.md)."""
