"""
Messages from the client to the Metadata Adapter: sequences, progressives, outcomes
(tlcp.md 9).

Within a sequence the adapter gets one message after the other, in the order of the
progressives; what is missing is waited for, but not for ever. A message may come
twice, since clients repeat it when an answer is lost, and is processed once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lsserver.adapters.errors import CreditsError, NotificationError
from lsserver.engine.refusal import Refusal
from lsserver.engine.wheel import Timer, Wheel
from lsserver.tlcp.codes import ControlCode
from lsserver.tlcp.requests import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lsserver.engine.dialect import IDialect

_log = Logger(namespace="LightstreamerLogger.requests.messages")

MAX_REMEMBERED = 100
"""Runs of progressives that were given up, remembered for each sequence."""


class MessageHost(Protocol):
    """What messages need of their session."""

    dialect: IDialect

    def notify(self, line: bytes) -> None:
        """Send a data notification."""

    def deliver(self, message: str) -> Awaitable[str | None]:
        """Hand a message to the Metadata Adapter."""


def skipped() -> Refusal:
    """The progressive comes after it was given up."""
    return Refusal(ControlCode.MESSAGE_TOO_LOW, ControlCode.MESSAGE_TOO_LOW.text)


def too_many() -> Refusal:
    """A client that sends faster than the adapter takes, or leaves gaps everywhere."""
    return Refusal(ControlCode.INTERNAL_ERROR, "Too many messages are waiting")


class Skipped:
    """The progressives that were given up, as far as they are remembered."""

    def __init__(self) -> None:
        self._runs: deque[tuple[int, int]] = deque(maxlen=MAX_REMEMBERED)

    def add(self, first: int, last: int) -> None:
        """C{first} and C{last} are the ends of a run; an empty one has its last before its first."""
        if first <= last:
            self._runs.append((first, last))

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self._runs)


class Sequence:
    """
    One named sequence.

    @ivar expected: the next progressive to hand over.
    """

    def __init__(self, name: str, messages: Messages) -> None:
        self._name = name
        self._messages = messages
        self._expected = 1
        self._waiting: dict[int, Message] = {}
        self._timers: dict[int, Timer] = {}
        self._skipped = Skipped()
        self._give_up_to = 0
        self._busy = False

    def accept(self, message: Message) -> None:
        """
        Take a message in.

        @raise Refusal: its progressive was given up, or too many wait already.
        """
        number = message.progressive
        assert number is not None
        if number < self._expected:
            if number in self._skipped:
                raise skipped()
            # A repetition: its outcome is or will be on the stream.
            return
        if number in self._waiting:
            return
        if number != self._expected and self._messages.full:
            raise too_many()
        self._waiting[number] = message
        self._messages.hold(message)
        if number > self._expected:
            self._timers[number] = self._messages.wheel.after(self._messages.max_wait(message), self._expired, number)
        self._next()

    def close(self) -> None:
        """The session is over: nobody waits any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._give_up_to = 0

    def _expired(self, number: int) -> None:
        """C{number} has waited long enough for those before it."""
        del self._timers[number]
        self._give_up_to = max(self._give_up_to, number)
        self._next()

    def _next(self) -> None:
        # Also what is given up is told in turn, after the outcome of what came before it.
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        """Hand over what has its turn, one after the other: the last of many may have filled the gap before them."""
        while (message := self._take()) is not None:
            await self._messages.process(message)
            self._messages.release(message)
        self._busy = False

    def _take(self) -> Message | None:
        if self._expected not in self._waiting and self._expected < self._give_up_to:
            present = min(self._waiting)
            self._skipped.add(self._expected, present - 1)
            self._messages.report_skipped(self._name, self._expected, present - 1)
            self._expected = present
        message = self._waiting.pop(self._expected, None)
        if message is None:
            return None
        timer = self._timers.pop(self._expected, None)
        if timer is not None:
            timer.cancel()
        self._expected += 1
        return message


class Unordered:
    """
    The messages without a sequence: handed over as they come. Those that carry a
    progressive are watched for repetitions and gaps all the same (tlcp.md 9.4).

    @ivar floor: every progressive up to here has come or was given up.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._received: set[int] = set()
        self._skipped = Skipped()
        self._timers: dict[int, Timer] = {}
        self.floor = 0

    def accept(self, message: Message) -> None:
        """
        Hand the message over, unless it has been.

        @raise Refusal: its progressive was given up, or too many are out of order.
        """
        number = message.progressive
        if number is not None:
            if number in self._skipped:
                raise skipped()
            if number <= self.floor or number in self._received:
                return
        if self._messages.full or len(self._received) >= self._messages.max_pending:
            raise too_many()
        if number is not None:
            self._received.add(number)
            self._advance()
            if number > self.floor:
                self._timers[number] = self._messages.wheel.after(
                    self._messages.max_wait(message), self._expired, number
                )
        self._messages.hold(message)
        Deferred.fromCoroutine(self._process(message))

    async def _process(self, message: Message) -> None:
        await self._messages.process(message)
        self._messages.release(message)

    def close(self) -> None:
        """The session is over."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _advance(self) -> None:
        while self.floor + 1 in self._received:
            self.floor += 1
            self._received.remove(self.floor)
            timer = self._timers.pop(self.floor, None)
            if timer is not None:
                timer.cancel()

    def _expired(self, number: int) -> None:
        """What is missing before C{number} will not come any more."""
        del self._timers[number]
        while self.floor < number:
            present = min(self._received)
            self._skipped.add(self.floor + 1, present - 1)
            self._messages.report_skipped(None, self.floor + 1, present - 1)
            self.floor = present - 1
            self._advance()


class Messages:
    """
    All messages of one session.

    @param max_wait_millis: how long a message may wait for those before it.
    @ivar max_pending: how many may wait, for their turn or for the adapter. Beyond
        that, the one that a sequence waits for is taken all the same.
    @param max_length: of a message, in characters.
    @ivar pending: how many wait.
    @ivar memory: how many characters they have.
    """

    def __init__(
        self, host: MessageHost, wheel: Wheel, max_wait_millis: int, max_pending: int, max_length: int | None = None
    ) -> None:
        self._host = host
        self._max_wait = max_wait_millis
        self._sequences: dict[str, Sequence] = {}
        self._unordered: Unordered | None = None
        self._max_length = max_length
        self.wheel = wheel
        self.max_pending = max_pending
        self.pending = 0
        self.memory = 0

    def hold(self, message: Message) -> None:
        """One more waits."""
        self.pending += 1
        self.memory += len(message.message)

    def release(self, message: Message) -> None:
        """One less."""
        self.pending -= 1
        self.memory -= len(message.message)

    @property
    def full(self) -> bool:
        """No more of them may wait."""
        return self.pending >= self.max_pending

    def accept(self, message: Message) -> None:
        """
        Take a message in; its outcome comes later, on the stream.

        @raise Refusal: what the C{REQERR} is to say.
        """
        if message.sequence is None:
            if self._unordered is None:
                self._unordered = Unordered(self)
            self._unordered.accept(message)
            return
        sequence = self._sequences.get(message.sequence)
        if sequence is None:
            if len(self._sequences) >= self.max_pending:
                raise Refusal(ControlCode.INTERNAL_ERROR, "Too many message sequences")
            sequence = self._sequences[message.sequence] = Sequence(message.sequence, self)
        sequence.accept(message)

    def max_wait(self, message: Message) -> int:
        """Milliseconds that a message may wait: the server's limit, or less if the client says so."""
        if message.max_wait_millis is None:
            return self._max_wait
        return min(message.max_wait_millis, self._max_wait)

    def close(self) -> None:
        """The session is over."""
        if self._unordered is not None:
            self._unordered.close()
            self._unordered = None
        for sequence in self._sequences.values():
            sequence.close()
        self._sequences.clear()

    async def process(self, message: Message) -> None:
        """Hand the message over and send the outcome; never raises."""
        number = message.progressive or 0
        dialect = self._host.dialect
        try:
            if self._max_length is not None and len(message.message) > self._max_length:
                # Not an error of the request, since the sequence has to go on after it.
                raise NotificationError("longer than max_message_length")
            response = await self._host.deliver(message.message)
        except CreditsError as error:
            line = dialect.msgfail(message.sequence, number, error.client_error_code, error.client_user_msg or "")
        except NotificationError as error:
            _log.info("message refused: {error!r}", error=error)
            line = self._failed(message, ControlCode.MESSAGE_REJECTED)
        except Exception as error:
            _log.error("message failed in the Metadata Adapter: {error!r}", error=error)
            line = self._failed(message, ControlCode.MESSAGE_ADAPTER_EXCEPTION)
        else:
            line = dialect.msgdone(message.sequence, number, response or "")
        if message.outcome and message.progressive is not None:
            self._host.notify(line)

    def _failed(self, message: Message, code: ControlCode) -> bytes:
        return self._host.dialect.msgfail(message.sequence, message.progressive or 0, code, code.text)

    def report_skipped(self, sequence: str | None, first: int, last: int) -> None:
        """A run of progressives was given up (tlcp.md 9.5)."""
        if first == last:
            line = self._host.dialect.msgfail(
                sequence, last, ControlCode.MESSAGE_SKIPPED, ControlCode.MESSAGE_SKIPPED.text
            )
        else:
            line = self._host.dialect.msgfail(sequence, last, ControlCode.MESSAGES_SKIPPED, str(last - first + 1))
        self._host.notify(line)
