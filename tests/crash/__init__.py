"""Real processes and real kills: apply against a server of its own on loopback, judged by the
server's bill.
"""
