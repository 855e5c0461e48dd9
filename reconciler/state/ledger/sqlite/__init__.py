"""The ledger in a file of SQLite on a local disk; the only user of sqlite3."""
