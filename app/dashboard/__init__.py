"""The page: server-rendered, live where there is JavaScript, whole where there is none.

Read in this order: rendering -> story (what one execution's page shows) -> pages/ (one file for
each noun) -> pieces and broadcaster (what is live) -> streaming.
"""
