"""Unmodified Remote Adapter SDKs against the server, seen by a client SDK."""
