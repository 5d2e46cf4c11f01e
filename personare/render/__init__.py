"""Mesh to pixels."""
