"""Opens the page /try in Firefox, speaks to it through a sound server without devices, and tells what the page shows.

    try_firefox.py FIREFOX URL QUESTION.pcm WORD

Writes the transcript as JSON once the assistant has said WORD. The question is 16-bit PCM of 24 kHz, mono.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from websockets.sync.client import connect

LIMIT = 60
# A busy machine may lose a piece of the question, which is then asked again.
ATTEMPTS = 3
ANSWER_LIMIT = 20
# A page that may have the microphone without asking, and hears it as it is: our speech is tones, and these would be
# taken for noise.
PREFERENCES = {
    "media.getusermedia.audio.processing.aec.enabled": False,
    "media.getusermedia.audio.processing.agc.enabled": False,
    "media.getusermedia.audio.processing.noise.enabled": False,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "remote.active-protocols": 1,
}
WHOLE = "[...document.querySelectorAll('#talk .assistant:not(.coming)')]"
SHOWN = (
    "JSON.stringify({state: document.getElementById('state').textContent,"
    " trouble: document.getElementById('trouble').textContent,"
    " talk: [...document.querySelectorAll('#talk li')].map(one => [one.className, one.textContent])})"
)


class Page:
    """One tab, spoken to by WebDriver BiDi."""

    def __init__(self, socket):
        self._socket = socket
        self._number = 0
        self.ask("session.new", capabilities={})
        self._context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method, **params):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=LIMIT))
            if answer.get("id") == self._number:
                if answer["type"] == "error":
                    raise SystemExit(f"{method}: {answer}")
                return answer["result"]

    def open(self, url):
        self.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def value(self, expression):
        told = self.ask(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True,
            userActivation=True,
        )
        if told["type"] != "success":
            raise SystemExit(f"{expression}: {told}")
        return told["result"].get("value")

    def becomes(self, expression, limit):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.value(expression):
                return True
            time.sleep(0.1)
        return False

    def until(self, expression):
        if not self.becomes(expression, LIMIT):
            raise SystemExit(f"it did not happen: {expression}\n{self.value(SHOWN)}")


class Sound:
    """A PulseAudio of our own: what is played to `mic` is what the microphone hears."""

    def __init__(self, home):
        self.server = f"unix:{home}/native"
        environment = {"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": "/usr/bin:/bin"}
        self._environment = environment | {"PULSE_SERVER": self.server}
        modules = [
            f"module-native-protocol-unix socket={home}/native auth-anonymous=1",
            "module-null-sink sink_name=out",
            "module-null-sink sink_name=mic",
            "module-remap-source source_name=microphone master=mic.monitor",
        ]
        loaded = [argument for module in modules for argument in ("-L", module)]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *loaded]
        self._daemon = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        end = time.monotonic() + LIMIT
        while self._run("pactl", "set-default-source", "microphone", check=False) != 0:
            if time.monotonic() > end:
                raise SystemExit("PulseAudio does not answer")
            time.sleep(0.1)
        self._run("pactl", "set-default-sink", "out")

    def say(self, file):
        self._run("pacat", "--playback", "--device=mic", "--rate=24000", "--format=s16le", "--channels=1", file)

    def end(self):
        self._daemon.kill()
        self._daemon.wait()

    def _run(self, *command, check=True):
        done = subprocess.run(
            command, env=self._environment, timeout=LIMIT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if check and done.returncode != 0:
            raise SystemExit(f"{command[0]} fails")
        return done.returncode


def main():
    firefox, url, question, word = sys.argv[1:]
    with tempfile.TemporaryDirectory() as home:
        lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in PREFERENCES.items()]
        (Path(home) / "user.js").write_text("\n".join(lines))
        sound = Sound(home)
        environment = {"HOME": home, "PATH": "/usr/bin:/bin", "PULSE_SERVER": sound.server}
        browser = subprocess.Popen(
            [firefox, "--headless", "--no-remote", "--profile", home, "--remote-debugging-port", "0", "about:blank"],
            stderr=subprocess.PIPE, text=True, env=environment,
        )
        try:
            for line in browser.stderr:
                found = re.search(r"WebDriver BiDi listening on (ws://\S+)", line)
                if found:
                    break
            else:
                raise SystemExit("Firefox ended before it listened")
            # What it says afterwards goes to nobody: a pipe that is not read would stop it.
            threading.Thread(target=browser.stderr.read, daemon=True).start()
            with connect(f"{found.group(1)}/session", max_size=None) as socket:
                walk(Page(socket), sound, url, question, word)
        finally:
            browser.kill()
            browser.wait()
            sound.end()


def walk(page, sound, url, question, word):
    page.open(url)
    page.until("document.querySelectorAll('#personas button').length > 0")
    page.value("document.getElementById('start').click()")
    page.until(f"{WHOLE}.length > 0")
    answered = f"{WHOLE}.some(one => one.textContent.includes({json.dumps(word)}))"
    for _ in range(ATTEMPTS):
        sound.say(question)
        if page.becomes(answered, ANSWER_LIMIT):
            break
    page.until(answered)
    shown = page.value(SHOWN)
    page.value("document.getElementById('start').click()")
    page.until("document.getElementById('state').textContent === 'Not connected'")
    print(shown)


if __name__ == "__main__":
    main()
