"""Processes killed at random moments, and what must hold all the same.

    make chaos                                   # the whole of it, on PostgreSQL and on SQLite
    python -m tests.chaos --incidents 60 --hosts 12 --kills 6 --restarts 1 --seed 3 postgres

What is killed is the service itself: its API, its queue, its workers, its ledger and leases. Hosts
are folders that keep receipts as the gate does and write down what reaches them, and a short graph
stands for the diagnosis: what is looked at is that nothing is lost, doubled or out of order.
"""
