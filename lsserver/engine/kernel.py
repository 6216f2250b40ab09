"""
The meeting point of clients and adapters: what a transport asks for ends here.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.engine.admission import TEMPORARY, Admission, refuse
from lsserver.engine.causes import Causes
from lsserver.engine.client import Client, Speaker
from lsserver.engine.connection import IStreamConnection
from lsserver.engine.flusher import Flusher
from lsserver.engine.hosting import HostedSet
from lsserver.engine.large import LargeSubscriptions
from lsserver.engine.load import Load, Waiting
from lsserver.engine.quotas import Places, Quota, network_of
from lsserver.engine.refusal import Refusal
from lsserver.engine.rounds import AGEING_ROUNDS, MEMORY_MILLIS, Rounds
from lsserver.engine.session import Session, Surroundings
from lsserver.engine.settings import EngineSettings
from lsserver.engine.wheel import Wheel
from lsserver.tlcp.codes import ControlCode, SessionCode
from lsserver.tlcp.requests import (
    BindSession,
    Constrain,
    ControlRequest,
    CreateSession,
    Destroy,
    ForceRebind,
    Heartbeat,
    Message,
    PushRequest,
    Reconfigure,
    Subscribe,
    Unsubscribe,
)

_log = Logger(namespace="LightstreamerLogger.kernel")


class Kernel:
    """
    @param failed: called when an adapter is beyond repair and the server should stop.
    @ivar sessions: by id.
    @ivar load: how busy the server is.
    """

    def __init__(
        self,
        settings: EngineSettings,
        clock: IReactorTime,
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.settings = settings
        self.sessions: dict[str, Session] = {}
        self.adapter_sets: dict[str, HostedSet] = {}
        self._clock = clock
        self._wheel = Wheel(clock)
        self._flusher = Flusher(clock, settings)
        self._failed = failed
        self._creating = 0
        self._creations: dict[Deferred[Session | None], list[Admission | Waiting]] = {}
        self._stopped = False
        self._of_user = Quota(settings.max_sessions_per_user)
        self._from_address = Quota(settings.max_sessions_per_ip)
        self._places: dict[str, Places] = {}
        self._closing: set[Session] = set()
        self._unused: set[str] = set()
        self._rounds = (
            Rounds(self._wheel, settings.session_recovery_millis / AGEING_ROUNDS, self.sessions.values, Session.age),
            Rounds(
                self._wheel,
                0 if settings.max_session_memory is None else MEMORY_MILLIS,
                self.sessions.values,
                Session.check_memory,
            ),
        )
        self.load = Load(settings, clock, self._flusher, self._waiting_calls, self._unused.__len__)
        self._causes = Causes((settings.max_polling_millis + settings.session_timeout_millis) / 1000)
        self._around = Surroundings(
            settings,
            self._wheel,
            self._flusher,
            self._forget,
            self._remember,
            self._later,
            LargeSubscriptions(clock),
        )

    # Life

    def add_adapter_set(self, adapter_set: AdapterSet) -> HostedSet:
        """
        Host an adapter set.

        @raise ValueError: its id is taken.
        """
        if adapter_set.id in self.adapter_sets:
            raise ValueError(f"adapter set {adapter_set.id} is defined twice")
        hosted = HostedSet(
            adapter_set, self.settings, self._wheel, self._flusher, self.sessions.get, self._adapter_failed
        )
        self.adapter_sets[adapter_set.id] = hosted
        return hosted

    async def start(self) -> None:
        """Initialise all adapters; the first failure is raised."""
        starting = [Deferred.fromCoroutine(hosted.start()) for hosted in self.adapter_sets.values()]
        results = await DeferredList(starting, consumeErrors=True)
        for success, result in results:
            if not success:
                result.raiseException()  # type: ignore[attr-defined]
        self.load.start()
        for rounds in self._rounds:
            rounds.start()

    async def stop(self) -> None:
        """
        Close all sessions without a word, which makes clients come back to a
        restarted server by themselves (tlcp.md 10.8), then stop the adapters.
        """
        self._stopped = True
        self.load.stop()
        for rounds in self._rounds:
            rounds.stop()
        creations = list(self._creations.items())
        for _, admissions in creations:
            self._abandon(admissions)
        for session in list(self.sessions.values()):
            session.vanish("server stops")
        await DeferredList([creation for creation, _ in creations])
        await DeferredList([session.over for session in self._closing])
        await DeferredList([Deferred.fromCoroutine(hosted.adapter_set.stop()) for hosted in self.adapter_sets.values()])
        self._wheel.stop()

    def _adapter_failed(self, exception: BaseException) -> None:
        _log.critical("an adapter has failed: {error!r}", error=exception)
        if self._failed is not None:
            self._failed(exception)

    def _later(self, call: Callable[[], None]) -> None:
        """After the answer to the request that is being executed."""
        self._clock.callLater(0, call)

    def _waiting_calls(self) -> float:
        return sum(hosted.adapter_set.waiting_calls for hosted in self.adapter_sets.values())

    def _forget(self, session: Session) -> None:
        self._unused.discard(session.id)
        if self.sessions.pop(session.id, None) is not None:
            places = self._places.pop(session.id, None)
            if places is not None:
                places.leave()
        if session not in self._closing and not session.over.called:
            self._closing.add(session)
            session.over.addCallback(lambda _: self._closing.discard(session))

    def _remember(self, session: Session, code: int, text: str) -> None:
        self._causes.remember(session.id, code, text, self._wheel.now())

    def _new_id(self) -> str:
        # The only credential on later requests, so it must not be guessed.
        return f"S{secrets.token_hex(10)}T{int(self._clock.seconds() * 1000)}"

    # Sessions

    def create_session(
        self, request: CreateSession, connection: IStreamConnection, client: Client
    ) -> Deferred[Session | None]:
        """
        Create a session and bind it to C{connection}, or refuse on it. Fires with
        C{None} if refused. Cancel the result when the client goes away.
        """
        admissions: list[Admission | Waiting] = []
        result: Deferred[Session | None] = Deferred(lambda _: self._abandon(admissions))
        running = Deferred.fromCoroutine(self._create(request, connection, client, admissions))
        self._creations[running] = admissions

        def created(outcome: Session | None) -> None:
            del self._creations[running]
            if not result.called:
                result.callback(outcome)

        running.addCallback(created)
        return result

    def _abandon(self, admissions: list[Admission | Waiting]) -> None:
        for admission in admissions:
            admission.abandon()

    async def _create(
        self,
        request: CreateSession,
        connection: IStreamConnection,
        client: Client,
        admissions: list[Admission | Waiting],
    ) -> Session | None:
        self._creating += 1
        session = None
        places = Places(network_of(client.remote_ip))
        try:
            if self._stopped:
                # It will find the next server.
                connection.abort()
                return None
            hosted = self._admit(request, client)
            self._take_address(request, places)
            waiting = None if client.priority else self.load.enter(request.ttl_millis == math.inf)
            if waiting is not None:
                admissions.append(waiting)
                await waiting.decided
                self._admit(request, client)
            admission = Admission(
                self._around,
                hosted,
                request,
                client,
                self._new_id,
                self.sessions.get,
                self._run_combo,
                lambda: self._take_user(request, hosted, places),
            )
            admissions.append(admission)
            session = await admission.run()
            if session is None:
                return None
            _log.info(
                "session {session} of {user!r} created from {ip} in {set}, {version}",
                session=session.id,
                user=request.user,
                ip=client.remote_ip,
                set=hosted.id,
                version=client.dialect.version,
            )
            self._replace(request, session)
            self.sessions[session.id] = session
            if places:
                self._places[session.id] = places
            self._unused.add(session.id)
            session.bind_first(connection, request, client)
            return session
        except Refusal as refusal:
            self._refuse(connection, client, refusal)
            return None
        except CancelledError:
            # Its client has gone while it waited at the door.
            return None
        except Exception:
            _log.failure("creation of a session failed")
            if session is None or not session.stream_bound(connection):
                self._refuse(connection, client, refuse(SessionCode.INTERNAL_ERROR))
            if session is not None:
                session.vanish("creation failed")
            return None
        finally:
            self._creating -= 1
            if session is None or session.id not in self.sessions:
                places.leave()

    def _admit(self, request: CreateSession, client: Client) -> HostedSet:
        """The checks that need no adapter."""
        if client.control_only:
            raise refuse(SessionCode.NOT_ALLOWED_ON_PORT)
        hosted = self.adapter_sets.get(request.adapter_set)
        if hosted is None:
            raise refuse(SessionCode.ADAPTER_SET_NOT_AVAILABLE)
        limit = self.settings.max_sessions
        if limit is not None and len(self.sessions) + self._creating > limit and not client.priority:
            raise refuse(SessionCode.SESSION_COUNT)
        return hosted

    def _take_address(self, request: CreateSession, places: Places) -> None:
        if places.address:
            replaced = self._places.get(request.old_session or "")
            beyond = 1 if replaced is not None and replaced.address == places.address else 0
            places.take(self._from_address, places.address, beyond, "Too many sessions from this address")

    def _take_user(self, request: CreateSession, hosted: HostedSet, places: Places) -> None:
        """Once he is known: before, a stranger could use up the sessions of a user whose name he has heard."""
        if request.user is not None:
            beyond = 0 if self._given_up(request, request.user, hosted) is None else 1
            places.take(self._of_user, (hosted.id, request.user), beyond, "Too many sessions of this user")

    def _refuse(self, connection: IStreamConnection, client: Client, refusal: Refusal) -> None:
        if refusal.code in TEMPORARY and not client.dialect.temporary_refusals:
            # Such a client takes the code for final, but comes back after a failure of the transport.
            connection.unavailable()
        else:
            connection.refuse(client.dialect.conerr(refusal.code, refusal.text))

    def _replace(self, request: CreateSession, session: Session) -> None:
        """C{LS_old_session}: the client has given that one up."""
        old = self._given_up(request, session.user, session.hosted)
        if old is not None:
            old.vanish(f"replaced by {session.id}")

    def _given_up(self, request: CreateSession, user: str | None, hosted: HostedSet) -> Session | None:
        old = self.sessions.get(request.old_session or "")
        return old if old is not None and old.user == user and old.hosted is hosted else None

    async def _run_combo(self, session: Session, request: CreateSession) -> None:
        for control in request.combo:
            if isinstance(control, Message):
                session.send_message(control)
            else:
                await self._perform(control, session)

    def bind_session(
        self, request: BindSession, connection: IStreamConnection, client: Client, implicit: Session | None = None
    ) -> Session | None:
        """Bind a session to C{connection}, or refuse on it and return C{None}."""
        session = self._find(request, implicit)
        dialect = client.dialect
        if session is None:
            named = request.session or (implicit.id if implicit is not None else "")
            cause = self._causes.find(named, self._wheel.now())
            if cause is not None:
                connection.refuse(dialect.end(*cause))
                return None
            code = SessionCode.SESSION_NOT_FOUND
        elif session.dialect.values is not dialect.values:
            code = SessionCode.INCOMPATIBLE_PROTOCOL
        else:
            self._unused.discard(session.id)
            return session if session.bind(connection, request, client) else None
        connection.refuse(dialect.conerr(code, code.text))
        return None

    def _find(self, request: BindSession | ControlRequest | Heartbeat, implicit: Session | None) -> Session | None:
        if request.session is not None:
            return self.sessions.get(request.session)
        return implicit if implicit is not None and implicit.id in self.sessions else None

    # Requests

    def heartbeat(self, request: Heartbeat, implicit: Session | None = None) -> None:
        """The client is alive; an unknown session is no error."""
        session = self._find(request, implicit)
        if session is not None:
            session.touch()

    def control(self, request: ControlRequest, client: Speaker, implicit: Session | None = None) -> Deferred[bytes]:
        """
        Execute a request. Fires with the response line, or with nothing where the
        client wants none; never fails.
        """
        return Deferred.fromCoroutine(self._control(request, client, implicit))

    async def _control(self, request: ControlRequest, client: Speaker, implicit: Session | None) -> bytes:
        dialect = client.dialect
        try:
            session = self._find(request, implicit)
            if session is None:
                raise Refusal(ControlCode.SESSION_NOT_FOUND, ControlCode.SESSION_NOT_FOUND.text)
            if session.dialect.values is not dialect.values:
                code = ControlCode.INCOMPATIBLE_PROTOCOL
                raise Refusal(code, code.text)
            session.touch()
            self._unused.discard(session.id)
            session.spend(request)
            await self._perform(request, session)
        except Refusal as refusal:
            return dialect.reqerr(request.req_id, refusal.code, refusal.text)
        except Exception:
            _log.failure("request {request} failed", request=request)
            code = ControlCode.INTERNAL_ERROR
            return dialect.reqerr(request.req_id, code, code.text)
        return dialect.reqok(request.req_id) if request.ack else b""

    async def _perform(self, request: ControlRequest, session: Session) -> None:
        match request:
            case Subscribe():
                await session.subscribe(request)
            case Unsubscribe():
                await session.unsubscribe(request.sub_id)
            case Message():
                session.send_message(request)
            case Reconfigure():
                await session.reconfigure(request.sub_id, request.requested_max_frequency)
            case Constrain():
                session.constrain(request.requested_max_bandwidth)
            case ForceRebind():
                session.force_rebind(request.close_socket)
            case Destroy():
                code, text = destroy_cause(request)
                session.destroy(code, text, request.close_socket)
            case PushRequest():
                code = ControlCode.PUSH_DISABLED
                raise Refusal(code, code.text)
            case _:
                raise Refusal(ControlCode.MALFORMED_REQUEST, ControlCode.MALFORMED_REQUEST.text)


def destroy_cause(request: Destroy) -> tuple[int, str]:
    """What C{END} says after a C{destroy} (tlcp.md 5.7)."""
    if request.cause_code is None:
        return SessionCode.DESTROYED_BY_CLIENT, SessionCode.DESTROYED_BY_CLIENT.text
    text = request.cause_message if request.cause_message is not None else "null"
    return min(request.cause_code, 0), text
