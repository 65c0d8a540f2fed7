"""The gate: the one program that the agent may run as root on a host.

It is installed as a single file (a Python zip archive, see app/execution/enrolment.py), needs only
the standard library of Python 3.9 or later, takes no arguments, and reads one request as JSON from
standard input. Reading order: main -> request -> jobs (reads) -> changes -> receipts -> the
builtins. Nothing here is a shell, and nothing that arrives becomes more than a typed parameter.
"""
