"""The commands of `sre-agent`, one noun a module. app/cli.py puts them together.

Exit codes, the same for every command: 0 it went well, 1 it was done and the answer is no (an
execution that did not resolve, a check that failed), 2 it could not be done (a wrong setting, a
server that is down, a wrong argument). docs/reference/cli.md has a line for each command.
"""
