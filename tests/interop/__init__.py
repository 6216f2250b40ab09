"""
Real clients against a server that was started as a user starts it.

  - L{tests.interop.test_sdks}: every client SDK on every transport. What they do is
    written in L{tests.interop.scenarios}, in the language of
    L{tests.interop.scenario}; C{node/} and C{python/} have the programs that do it.
  - L{tests.interop.test_transcripts}: the transcripts of the protocol, byte by byte,
    in L{tests.interop.transcripts}, with the bare sockets of
    L{tests.interop.wire}.
  - L{tests.interop.test_tls}: some of it over TLS.

The SDKs come from npm and PyPI, see L{tests.interop.tools}. The adapters that
they talk to are in C{sets/}.
"""
