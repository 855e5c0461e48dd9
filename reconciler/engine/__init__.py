"""Who carries out what is ordered: workers, by an engine in the ledger's own database."""
