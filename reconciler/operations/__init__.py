"""What people ask for beyond plan and apply: each command's work, as functions over one pass."""
