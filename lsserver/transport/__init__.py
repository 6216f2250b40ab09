"""
HTTP and WebSocket on one port: what comes from sockets becomes requests to the
kernel, what sessions write becomes chunks and frames.

L{site} puts everything together for one listening socket.
"""
