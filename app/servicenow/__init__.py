"""ServiceNow: what tickets are told, and what becomes of them. Nothing here acts on hosts."""
