"""Runs exported files."""
