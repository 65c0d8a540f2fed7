"""What experience knows: failure modes as data, and the language of their conditions.

Read in this order: expressions -> failure_mode -> library -> matching.
"""
