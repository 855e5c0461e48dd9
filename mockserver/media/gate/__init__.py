"""Where the server opens media that clients sent: `keeper` asks, `worker` is the process that opens.

The client has a gate of its own; the server shares no code with those it judges.
"""
