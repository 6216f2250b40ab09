"""
The demo page and its client, in headless Chromium and in node.

Both are optional: what is not there is skipped with a line that says how to get it.
"""
