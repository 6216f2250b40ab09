"""`twistd lsserver`."""

from twisted.application.service import ServiceMaker

lsserver = ServiceMaker(
    "lsserver",
    "lsserver.service",
    "A Lightstreamer-compatible real-time server.",
    "lsserver",
)
