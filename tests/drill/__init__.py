"""Faults for tools/dev/fault_drill.py: real processes, really disturbed."""
