"""The mind: from evidence to ranked causes, the next questions, and a repair. It has no hands.

Read in this order: port -> subjects -> odds -> remedies -> builtin.
"""
