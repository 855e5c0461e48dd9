"""The SQL of the ledger, written once for every database that keeps one."""
