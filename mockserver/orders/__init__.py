"""What people order: scenarios, faults and questions, read with words for what is wrong."""
