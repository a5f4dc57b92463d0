"""Opens the page /try in Chromium, speaks to it from a file, and tells what the page shows.

    try_page.py CHROMIUM URL WAV SCREENSHOT WORD

Writes the transcript as JSON once the assistant has said WORD; the picture is taken then.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

from websockets.sync.client import connect

LIMIT = 60


class Page:
    """One tab, spoken to by the DevTools protocol."""

    def __init__(self, socket):
        self.socket = socket
        self.number = 0

    def ask(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv(timeout=LIMIT))
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]

    def value(self, expression, gesture=False):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=gesture)
        if "exceptionDetails" in result:
            raise SystemExit(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if self.value(expression):
                return
            time.sleep(0.1)
        raise SystemExit(f"it did not happen: {expression}\n{json.dumps(self.shown(), indent=1)}")

    def shown(self):
        return self.value(
            "({state: document.getElementById('state').textContent,"
            " trouble: document.getElementById('trouble').textContent,"
            " who: document.getElementById('who').textContent,"
            " personas: [...document.getElementById('personas').children].map(one => one.textContent),"
            " wide: document.documentElement.scrollWidth > innerWidth,"
            " talk: [...document.querySelectorAll('#talk li')].map(one => [one.className, one.textContent])})"
        )


def main():
    chromium, url, wav, screenshot, word = sys.argv[1:]
    with tempfile.TemporaryDirectory() as home:
        browser = subprocess.Popen(
            [
                chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
                f"--user-data-dir={home}", "--no-first-run", "--mute-audio",
                "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={wav}%noloop", "--window-size=420,860", "about:blank",
            ],
            stderr=subprocess.PIPE, text=True,
        )
        try:
            talk(browser, url, screenshot, word)
        finally:
            browser.kill()
            browser.wait()


def talk(browser, url, screenshot, word):
    for line in browser.stderr:
        found = re.search(r"DevTools listening on ws://([^/]+)/", line)
        if found:
            break
    else:
        raise SystemExit("Chromium ended before it listened")
    with urllib.request.urlopen(f"http://{found.group(1)}/json/list", timeout=LIMIT) as answer:
        tabs = json.load(answer)
    tab = next(tab for tab in tabs if tab["type"] == "page")
    with connect(tab["webSocketDebuggerUrl"], max_size=None) as socket:
        walk(Page(socket), url, screenshot, word)


def walk(page, url, screenshot, word):
    page.ask("Page.enable")
    page.ask("Page.navigate", url=url)
    page.until("document.querySelectorAll('#personas button').length > 0")
    page.value("document.getElementById('start').click()", gesture=True)
    whole = "[...document.querySelectorAll('#talk .assistant:not(.coming)')]"
    page.until(f"{whole}.some(one => one.textContent.includes({json.dumps(word)}))")
    picture = page.ask("Page.captureScreenshot", format="png")["data"]
    with open(screenshot, "wb") as file:
        file.write(base64.b64decode(picture))
    shown = page.shown()
    # What is said is played: the page tells how much, and the microphone is let go at the end.
    page.value("document.getElementById('start').click()", gesture=True)
    page.until("document.getElementById('state').textContent === 'Not connected'")
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
