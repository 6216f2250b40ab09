"""The configuration file as a whole."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from lsserver import elements
from lsserver.config import GROUPS, NESTED, Configuration, General, contradictions, read_file
from lsserver.elements import NOT_TAKEN
from lsserver.engine.settings import EngineSettings
from lsserver.listeners import HttpServer, HttpsServer
from lsserver.reading import ConfigError, slots_of
from lsserver.tls import Keystore
from lsserver.transport.settings import AllowAccessFrom, CrossDomainPolicy, ResponseHttpHeaders, TransportSettings

EXAMPLE = """
max_sessions = 5000
delta_delivery = "N"
request_limit = 60000
adapters_dir = ["own", "/opt/adapters"]
adapter = "A,data=m:D"
log_level = "warn"

[websocket]
enabled = "N"

[cross_domain_policy]
allow_access_from = [{ scheme = "https", host = "*.example.com", port = "443" }]

[[http_server]]
name = "Public"
port = 8080
client_identification = { private = "Y" }

[[https_server]]
port = 8443
keystore = { keystore_file = "chain.pem", private_key_file = "$env.KEY" }
minimum_tls = "1.3"

[web_server]
pages_dir = "pages"

[log_config]
"LightstreamerLogger.requests" = "debug"
"""


class FileTests(SynchronousTestCase):
    def file(self, text: str | bytes) -> Path:
        path = Path(self.mktemp())
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def problems(self, text: str | bytes) -> tuple[str, ...]:
        path = self.file(text)
        error = self.assertRaises(ConfigError, read_file, path)
        return tuple(problem.replace(str(path), "F") for problem in error.problems)

    def test_an_empty_file_is_the_defaults(self) -> None:
        self.assertEqual(read_file(self.file("")), Configuration())

    def test_an_example_with_a_bit_of_everything(self) -> None:
        path = self.file(EXAMPLE)
        folder = path.absolute().parent
        found = read_file(path, {"KEY": "key.pem"})
        self.assertEqual(found.engine, EngineSettings(max_sessions=5000, delta_delivery=False, request_limit=60000))
        self.assertEqual(
            found.transport,
            TransportSettings(
                websocket_enabled=False,
                request_limit=60000,
                cross_domain_policy=CrossDomainPolicy(
                    allow_access_from=(AllowAccessFrom(scheme="https", host="*.example.com", port="443"),)
                ),
            ),
        )
        general = found.general
        self.assertEqual(general.adapters_dir, (folder / "own", Path("/opt/adapters")))
        self.assertEqual(general.adapter, ("A,data=m:D",))
        self.assertEqual(general.web_server.pages_dir, folder / "pages")
        self.assertEqual((general.log_level, general.log_config), ("warn", {"LightstreamerLogger.requests": "debug"}))
        self.assertEqual(
            general.listeners(),
            (
                HttpServer(name="Public", port=8080, client_identification_private=True),
                HttpsServer(
                    name="Lightstreamer HTTP Server",
                    port=8443,
                    keystore=Keystore(keystore_file=folder / "chain.pem", private_key_file=folder / "key.pem"),
                    minimum_tls="1.3",
                ),
            ),
        )

    def test_without_sockets_there_is_the_default_one(self) -> None:
        self.assertEqual(General().listeners(), (HttpServer(name="Lightstreamer HTTP Server", port=8080),))

    def test_a_missing_file(self) -> None:
        self.assertRaises(FileNotFoundError, read_file, Path("nowhere.toml"))

    def test_what_is_not_toml(self) -> None:
        (problem,) = self.problems("port 8080")
        self.assertTrue(problem.startswith("F: not a TOML file: "), problem)
        self.assertIn("line 1", problem)
        self.assertEqual(len(self.problems(b"\xff")), 1)

    def test_every_problem_is_told_in_one_line(self) -> None:
        self.assertEqual(
            self.problems("max_session = 3\nmax_buffer_size = 0\n[[http_server]]\nport = 65536\n"),
            (
                "F: unknown key 'max_session'; the nearest known one is 'max_sessions'",
                "F: max_buffer_size = 0: must be a whole number, 1 or more (updates)",
                'F: http_server.port = 65536: must be a whole number from 0 to 65535, or "none"',
            ),
        )

    def test_official_elements_that_are_not_needed(self) -> None:
        """One line each, which says what takes their place."""
        self.assertEqual(
            self.problems(
                "pump_pool_size = 4\nuse_http_11 = true\n[websocket]\nmax_pong_delay_millis = 1\n"
                "[mpn]\nenabled = true\n[[https_server]]\nport = 1\nTLS_provider = 'x'\nallow_protocol = ['a']\n"
            ),
            (
                "F: pump_pool_size is not needed here: "
                "everything but the calls of blocking adapters happens in one thread",
                "F: use_http_11 is not needed here: HTTP/1.1 is always spoken",
                "F: websocket.max_pong_delay_millis is not needed here: a ping is always answered at once",
                "F: mpn is not needed here: there are no mobile push notifications",
                "F: https_server.TLS_provider is not needed here: it is about the Java machine",
                "F: https_server.allow_protocol is not needed here: see minimum_tls",
            ),
        )

    def test_what_is_not_needed_is_no_element(self) -> None:
        known = {slot.path for groups in (GROUPS, NESTED) for cls in groups for slot in slots_of(cls, groups[cls])}
        self.assertEqual(known & set(NOT_TAKEN), set())

    def test_what_the_transport_does_not_take(self) -> None:
        self.assertEqual(
            self.problems('[[cross_domain_policy.allow_access_from]]\nhost = "*.com"'),
            (
                "F: cross_domain_policy.allow_access_from: allow_access_from: host '*.com' must give at least "
                "the second level domain",
            ),
        )

    def test_values_that_contradict_each_other(self) -> None:
        for text, told in [
            (
                "default_keepalive_millis = 500",
                "default_keepalive_millis = 500: must be from min_keepalive_millis (1000) "
                "to max_keepalive_millis (30000)",
            ),
            ("content_length = 2000", "content_length = 2000: must be min_content_length (3000) or more"),
            ('[[http_server]]\nname = "a"', "http_server[1]: has no port"),
            ('[[http_server]]\nport=1\nendpoint="tcp:1"', "http_server[1]: has both endpoint and port; one is needed"),
            (
                '[healthcheck]\navailable_on_server = "a"',
                "healthcheck.available_on_server = 'a': there is no such socket",
            ),
        ]:
            self.assertEqual(self.problems(text), (f"F: {told}",))

    def test_the_defaults_do_not_contradict_each_other(self) -> None:
        self.assertEqual(contradictions(Configuration()), [])


class ElementTests(SynchronousTestCase):
    def test_every_field_has_an_element_and_the_other_way_round(self) -> None:
        for cls, table in {**GROUPS, **NESTED}.items():
            self.assertEqual({field.name for field in fields(cls)}, set(table), cls)

    def test_every_element_says_what_it_means(self) -> None:
        for table in {**GROUPS, **NESTED}.values():
            for name, element in table.items():
                self.assertTrue(element.meaning.endswith("."), name)
                if name.endswith("_millis"):
                    self.assertEqual(element.unit, "ms", name)

    def test_names_of_two_groups_mean_the_same(self) -> None:
        shared = set(elements.ENGINE) & set(elements.TRANSPORT)
        for name in shared:
            self.assertIs(elements.ENGINE[name], elements.TRANSPORT[name])
            self.assertEqual(getattr(EngineSettings(), name), getattr(TransportSettings(), name))

    def test_what_a_socket_says_wins(self) -> None:
        headers = ResponseHttpHeaders(add=("A: b",))
        own = HttpServer(skip_local_forwards=0, response_http_headers=headers)
        self.assertEqual(
            own.settings(TransportSettings(skip_local_forwards=2, client_identification_private=True)),
            TransportSettings(client_identification_private=True, response_http_headers=headers),
        )


class PageTests(SynchronousTestCase):
    def test_the_page_in_docs_is_up_to_date(self) -> None:
        """If this fails: python docs/generate_configuration.py"""
        generator = load(Path(__file__).parents[2] / "docs" / "generate_configuration.py")
        self.assertEqual(generator.PAGE.read_text(), generator.page())


def load(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
