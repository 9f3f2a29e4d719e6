"""The fault drill and the soak run: real processes, really disturbed."""
