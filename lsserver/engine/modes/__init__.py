"""
The modes of an item: what the server keeps of it, and what an event means
(adapters-api.md 14, 18).
"""
