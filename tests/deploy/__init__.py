"""What teams run cutlist with: checked by the tools of each form, and run as its users run it."""
