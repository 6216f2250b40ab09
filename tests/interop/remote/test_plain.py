"""Plain proxies: the server waits for its remotes, and ends with them."""

from __future__ import annotations

import re

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.remote.processes import AdapterProcess
from tests.interop.remote.sdks import SDKS
from tests.service.running import folder, start

SET = """<adapters_conf id="PLAIN">
  <metadata_provider>
    <adapter_class>PROXY_FOR_REMOTE_ADAPTER</adapter_class> <classloader>log-enabled</classloader>
    <param name="request_reply_port">0</param> <param name="interface">127.0.0.1</param>
    <param name="remote_params_prefix">remote:</param> <param name="remote:par">a value</param>
  </metadata_provider>
  <data_provider name="REMOTE">
    <adapter_class>PROXY_FOR_REMOTE_ADAPTER</adapter_class> <classloader>log-enabled</classloader>
    <param name="request_reply_port">0</param> <param name="interface">127.0.0.1</param>
  </data_provider>
</adapters_conf>"""


class PlainTests(TestCase):
    timeout = 300

    async def test_start_and_end(self) -> None:
        top = folder(self)
        (top / "one").mkdir()
        (top / "one" / "adapters.xml").write_text(SET)
        server = start(
            self,
            "-n",
            "lsserver",
            "--port",
            "0",
            "--no-demo",
            "--no-pages",
            "--adapters-dir",
            str(top),
            cwd=folder(self),
        )
        data = await server.printed("PLAIN/REMOTE: waiting for the remote on port ([0-9]+)")
        metadata = await server.printed("PLAIN/metadata: waiting for the remote on port ([0-9]+)")
        self.assertNotIn("listening on", server.text)
        process = AdapterProcess(SDKS["Python131"], {"data": [int(data[1])], "metadata": [int(metadata[1])]})
        self.addCleanup(process.kill)
        await server.url()
        (told,) = await deferToThread(process.printed, "^metadata initialize (.*)")
        self.assertRegex(told[1], re.escape('"remote:par": "a value"'))
        self.assertNotIn("proxy.instance_id", told[1])
        await deferToThread(process.kill)
        await server.printed("an adapter has failed, so the server ends: PLAIN/(REMOTE|metadata): the remote is lost")
        self.assertNotEqual(await server.ended, 0)
