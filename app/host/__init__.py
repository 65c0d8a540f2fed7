"""What is known of a host: facts from diagnostics, the view over them, drift, and the user's path.

Read in this order: facts -> parsers -> view -> probes -> baseline -> drift -> path.
Nothing here contacts a host; everything is computed from evidence already gathered.
"""
