"""Telling people: what needs them is found, kept, and sent where they read."""
