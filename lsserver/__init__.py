"""
lsserver: a Lightstreamer-compatible server for real-time data delivery.

The packages, from the wire inwards: L{lsserver.transport} (HTTP, WebSocket),
L{lsserver.tlcp} (the wire language), L{lsserver.engine} (sessions, items,
fan-out) and L{lsserver.adapters} (the contracts of Metadata and Data Adapters).
"""

__version__ = "0.1.0"
