"""One trial for each changing action of the catalog: a host, a prepared state, the parameters."""
