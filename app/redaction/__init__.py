"""Secrets taken out of texts. Lowest of all layers: every way out can pass it, the log too."""
