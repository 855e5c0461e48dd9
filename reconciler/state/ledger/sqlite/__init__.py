"""The ledger in a file of SQLite on a local disk; and the only user of SQL beside the cache."""
