from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from lsserver.remote.settings import (
    AwayPolicy,
    CloseRecovery,
    EventsRecovery,
    ItemLists,
    ParameterError,
    ProxySettings,
    Store,
    read,
)

PORT = {"request_reply_port": "6661"}
KEYSTORE = PORT | {"tls": "Y", "tls.keystore.keystore_file": "k.jks"}


class SettingsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        self.assertEqual(read(PORT), ProxySettings(request_reply_port=6661))

    def test_the_example_of_the_reference(self) -> None:
        found = read(
            PORT
            | {
                "keepalive_timeout_millis": "10000",
                "events_recovery": "enforce_snapshot",
                "status_item": "QUOTES_STATUS",
                "remote_params_prefix": "remote:",
                "remote:par": "a value",
                "auth": "Y",
                "auth.credentials.1.user": "user1",
                "auth.credentials.1.password": "secret",
                "close_notifications_recovery": "optimistic",
                "table_item_lists": "never",
                "remote_address_whitelist": " localhost , 10.0.0.1,",
            }
        )
        self.assertEqual((found.keepalive_timeout, found.keepalive_hint), (10_000, 8_000))
        self.assertIs(found.events_recovery, EventsRecovery.ENFORCE_SNAPSHOT)
        self.assertIs(found.close_notifications_recovery, CloseRecovery.OPTIMISTIC)
        self.assertIs(found.table_item_lists, ItemLists.NEVER)
        self.assertEqual(found.status_item, "QUOTES_STATUS")
        self.assertEqual(found.remote_params, {"remote:par": "a value"})
        self.assertEqual(found.credentials, (("user1", "secret"),))
        self.assertEqual(found.whitelist, ("localhost", "10.0.0.1"))
        self.assertNotIn("secret", repr(found))

    def test_hints(self) -> None:
        for timeout, hint, wanted in (
            (None, None, 10_000),
            ("-1", None, 10_000),
            ("3000", None, 1_500),
            ("4000", None, 2_000),
            ("10000", "500", 500),
            ("10000", "0", 0),
            (None, "-1", 0),
        ):
            parameters = dict(PORT)
            if timeout is not None:
                parameters["keepalive_timeout_millis"] = timeout
            if hint is not None:
                parameters["keepalive_hint_millis"] = hint
            self.assertEqual(read(parameters).keepalive_hint, wanted)

    def test_limits(self) -> None:
        self.assertIsNone(read(PORT | {"timeout": "-1"}).timeout)
        self.assertEqual(read(PORT | {"timeout": "-1"}).credentials_deadline, 10_000)
        self.assertEqual(read(PORT | {"timeout": "5"}).credentials_deadline, 5)
        self.assertIsNone(read(PORT | {"first_connection_timeout_millis": "-1"}).first_connection_timeout)
        self.assertEqual(read(PORT | {"first_connection_timeout_millis": "0"}).first_connection_timeout, 0)

    def test_the_code_for_users(self) -> None:
        self.assertIs(read(PORT).notify_user_on_disconnection, AwayPolicy.FAIL)
        found = read(PORT | {"notify_user_disconnection_code": "-3"})
        self.assertEqual((found.notify_user_on_disconnection, found.disconnection_code), (AwayPolicy.SEND_CODE, -3))
        found = read(PORT | {"notify_user_disconnection_code": "-3", "notify_user_on_disconnection": "fail"})
        self.assertIs(found.notify_user_on_disconnection, AwayPolicy.FAIL)

    def test_tls(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "password").write_text("secret\n")
        found = read(
            KEYSTORE
            | {
                "tls.keystore.type": "pkcs12",
                "tls.keystore.keystore_password": "password",
                "tls.keystore.keystore_password.type": "file",
                "tls.truststore.truststore_file": "t.jks",
                "tls.truststore.truststore_password": "p",
                "tls.force_client_auth": "Y",
                "tls.allow_protocol.2": "TLSv1.2",
                "tls.allow_protocol.1": "TLSv1.3",
            },
            folder,
        ).tls
        assert found is not None
        self.assertEqual(found.keystore, Store(file=folder / "k.jks", type="PKCS12", password="secret"))
        self.assertEqual(found.truststore, Store(file=folder / "t.jks", type="JKS", password="p"))
        self.assertTrue(found.force_client_auth)
        self.assertEqual(found.allow_protocols, ("TLSv1.3", "TLSv1.2"))
        self.assertIsNone(read(KEYSTORE | {"tls": "N"}).tls)

    def test_tls_of_a_client(self) -> None:
        found = read(PORT | {"tls": "Y", "remote_host": "h", "tls.force_client_auth": "Y"}).tls
        assert found is not None
        self.assertEqual((found.keystore, found.force_client_auth), (None, False))

    def test_what_is_wrong(self) -> None:
        for parameters, complaint in (
            ({}, "request_reply_port is missing"),
            ({"request_reply_port": "x"}, "request_reply_port must be a whole number, not 'x'"),
            ({"request_reply_port": "65536"}, "request_reply_port must be a port number, not 65536"),
            (PORT | {"notify_port": "6661"}, "notify_port must not be the request_reply_port"),
            (PORT | {"notify_port": "1", "remote_host": "h"}, "notify_port cannot be used with remote_host"),
            (PORT | {"notify_user_disconnection_code": "1"}, "notify_user_disconnection_code must not be positive"),
            (PORT | {"tls": "yes"}, "tls must be Y or N, not 'yes'"),
            (
                PORT | {"events_recovery": "x"},
                "events_recovery must be one of leave_hole, use_snapshot, enforce_snapshot, not 'x'",
            ),
            (PORT | {"remote_params_prefix": "x"}, "remote_params_prefix must have a colon, unlike 'x'"),
            (
                PORT | {"auth": "Y"},
                "auth is Y, but there are no auth.credentials.1.user and auth.credentials.1.password",
            ),
            (
                PORT | {"auth": "Y", "auth.credentials.1.user": "u"},
                "auth.credentials.1 must have both user and password",
            ),
            (PORT | {"tls": "Y"}, "tls is Y, but there is no tls.keystore.keystore_file"),
            (
                KEYSTORE | {"tls.force_client_auth": "Y"},
                "tls.force_client_auth is Y, but there is no tls.truststore.truststore_file",
            ),
            (
                KEYSTORE | {"tls.keystore.type": "PKCS11"},
                "tls.keystore.type must be JKS, PKCS12 or PEM, not 'PKCS11'",
            ),
            (
                KEYSTORE | {"tls.keystore.keystore_password.type": "x"},
                "tls.keystore.keystore_password.type must be text or file, not 'x'",
            ),
            (
                KEYSTORE | {"tls.allow_cipher_suite.1": "x", "tls.remove_cipher_suites.1": "x"},
                "tls.allow_cipher_suite and tls.remove_cipher_suites exclude each other",
            ),
            (
                KEYSTORE | {"tls.allow_protocol.1": "x", "tls.remove_protocols.1": "x"},
                "tls.allow_protocol and tls.remove_protocols exclude each other",
            ),
        ):
            self.assertEqual(str(self.assertRaises(ParameterError, read, parameters)), complaint)
        missing = KEYSTORE | {"tls.keystore.keystore_password": "no", "tls.keystore.keystore_password.type": "file"}
        self.assertIn("cannot read 'no'", str(self.assertRaises(ParameterError, read, missing)))
