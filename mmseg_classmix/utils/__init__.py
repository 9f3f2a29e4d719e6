"""Helpers without a registry."""
