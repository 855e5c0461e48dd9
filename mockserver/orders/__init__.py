"""What people order: scenarios, faults, and questions about the journal."""
