"""The one place that words things for people: plans, status, diffs, costs, outcomes. Pure."""
