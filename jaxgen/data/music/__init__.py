"""Pieces of music as notes, and as piano rolls."""
