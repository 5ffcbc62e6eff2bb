"""Drawings as movements of a pen."""
