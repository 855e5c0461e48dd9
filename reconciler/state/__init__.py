"""What is: store, ledger, outputs, lock file."""
