"""Unkai: a whole private cloud behind OpenStack's own APIs, in one package."""

__version__ = "0.1.0"
