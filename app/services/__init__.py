"""The workflow: six states and what is done in each. It speaks to the world only through a port.

Read in this order: ports -> progress -> looking -> repairing -> self_healing_sre_agent.
"""
