"""A ServiceNow to try things on: its REST interfaces as documented, with faults on request.

Ships with the project (`sre-agent servicenow-fake`) and is held to ServiceNow's own client in the
tests. Everything is in memory. In the order of reading: `schema` (tables), `records` (the rows),
`query` (how rows are chosen), `writing` (what a write does), `rendering` (how rows are shown),
`table_api` and `change_api` (the addresses), `faults` (what goes wrong), `business_rules` (what
is sent out), `running` (how to start it).
"""
