"""Tests of the proxies of Remote Adapters, without sockets and processes."""
