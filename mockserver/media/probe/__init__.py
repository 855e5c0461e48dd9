"""Media that clients sent are opened here: `client` asks, and `worker` is the process that opens.

The reconciler has a probe of its own; the server shares no code with those it judges.
"""
