"""What the README shows works."""

from __future__ import annotations

import re
import urllib.request

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.service.running import ROOT, SECONDS, folder, start

README = (ROOT / "README.md").read_text()


class ReadmeTests(TestCase):
    timeout = 300

    async def test_the_adapter_in_ten_lines(self) -> None:
        cwd = folder(self)
        (code,) = re.findall(r"```python\n# clock.py\n(.*?)```", README, re.DOTALL)
        (option,) = re.findall(r"^\.venv/bin/twistd -n lsserver (--adapter .*)$", README, re.MULTILINE)
        (cwd / "clock.py").write_text(code)
        server = start(self, "-n", "lsserver", "--no-demo", "--port", "0", *option.split(), cwd=cwd)
        url = await server.url()
        update = await deferToThread(first_update, url, "CLOCK", "clock", "now")
        self.assertRegex(update, r"^U,1,1,[0-9]{2}:[0-9]{2}:[0-9]{2}\r\n$")


class CommandTests(SynchronousTestCase):
    def test_the_two_commands_are_on_the_first_screen(self) -> None:
        screen = "\n".join(README.splitlines()[:20])
        self.assertIn("python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/twistd -n lsserver", screen)
        self.assertIn("python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox", screen)

    def test_every_link_leads_to_a_file(self) -> None:
        for link in re.findall(r"\]\(([^)#]+)\)", README):
            if "://" not in link:
                self.assertTrue((ROOT / link).exists(), link)


def first_update(url: str, adapter_set: str, item: str, field: str) -> str:
    """The first update line of an item, with a plain HTTP client: one streaming response and one control request."""

    def post(name: str, body: str) -> urllib.request.Request:
        return urllib.request.Request(f"{url}lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0", body.encode())

    client = "mgQkwtwdysogQz2BJ4Ji%20kOj2Bg"
    create = post("create_session", f"LS_adapter_set={adapter_set}&LS_cid={client}")
    with urllib.request.urlopen(create, timeout=SECONDS) as stream:
        session = stream.readline().decode().split(",")[1]
        subscribe = f"LS_session={session}&LS_reqId=1&LS_op=add&LS_subId=1&LS_group={item}&LS_schema={field}"
        with urllib.request.urlopen(post("control", f"{subscribe}&LS_mode=MERGE"), timeout=SECONDS) as answer:
            response = answer.read().decode()
        if not response.startswith("REQOK"):
            raise AssertionError(response)
        while not (line := stream.readline().decode()).startswith("U,"):
            if not line:
                raise AssertionError("the stream has ended")
    return line
