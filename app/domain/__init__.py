"""Frozen values and enums that every layer speaks of. No I/O, no clock, no randomness.

Read in this order: incident -> execution -> host -> probe -> evidence -> hypothesis -> action ->
verdict -> event.
"""
