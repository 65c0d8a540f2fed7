"""What an administrator's SSH runs on a host to put an enrolment there, or to take it away.

It is one file of the standard library, since it is sent to hosts of which nothing is known yet.
"""
