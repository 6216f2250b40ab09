"""The transcripts; importing this package registers them all."""

from tests.interop.transcripts import clients, differences, modes, recovery, requests, streams
from tests.interop.transcripts.play import TRANSCRIPTS

__all__ = ["TRANSCRIPTS", "clients", "differences", "modes", "recovery", "requests", "streams"]
