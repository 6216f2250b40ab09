"""
The limits and times that the engine obeys, named like the elements of the
official configuration file. Every default of the engine is here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """All times in milliseconds, all lengths in bytes unless the name says otherwise."""

    request_limit: int = 50_000
    content_length: int = 4_000_000
    min_content_length: int = 3_000
    session_timeout_millis: int = 10_000
    session_recovery_millis: int = 13_000
    max_recovery_length: int = 65_536
    max_recovery_poll_length: int = -1
    subscription_timeout_millis: int = 5_000
    missing_message_timeout_millis: int = 30_000
    max_session_duration_minutes: int | None = None
    max_streaming_millis: int | None = None
    default_keepalive_millis: int = 5_000
    default_keepalive_randomize: bool = False
    min_keepalive_millis: int = 1_000
    max_keepalive_millis: int = 30_000
    max_polling_millis: int = 15_000
    max_idle_millis: int = 30_000
    min_interpoll_millis: int = 0
    sync_millis: int = 20_000
    max_buffer_size: int = 1_000
    max_pending_notifications: int = 100_000
    max_pending_messages: int = 1_000
    max_message_length: int | None = None
    max_session_memory: int | None = None
    max_delay_millis: int = 0
    max_sessions: int | None = None
    max_sessions_per_user: int | None = None
    max_sessions_per_ip: int | None = None
    max_session_requests_per_second: int | None = None
    max_subscriptions_per_session: int | None = None
    max_items_per_session: int | None = None
    max_items_per_subscription: int | None = 10_000
    max_fields_per_subscription: int | None = 1_000
    max_reactor_lag_millis: int = 1_000
    server_pool_max_queue: int = 100
    prestarted_max_queue: int = -1
    max_waiting_creations: int = 1_000
    delta_delivery: bool = True
    default_diff_order: tuple[str, ...] = ()
    jsonpatch_min_length: int | None = 50
    preserve_unfiltered_command_ordering: bool = False
    control_link_address: str | None = None
    unexpected_wait_threshold_millis: int = 1_000
