"""Modules whose source goes into exported configs: mmseg has none like them.

They need nothing of this package. Their names differ from those of the
classes here that they stand for, so that both can be registered.
"""
