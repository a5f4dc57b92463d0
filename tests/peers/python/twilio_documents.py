"""Twilio's own library writes the TwiML of a service once more.

Reads {"voice": [document, …], "messaging": [document, …]} from standard input. Each document is read, and written anew
by the library's own calls; every element must be one of these, every attribute one of its named arguments, and the two
documents must be the same. Prints how often each element was seen; fails when something is not as it should be.
"""

import inspect
import json
import re
import sys
from collections import Counter
from xml.etree import ElementTree

from twilio.twiml import TwiML
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

RESPONSES = {"voice": VoiceResponse, "messaging": MessagingResponse}
# Where what is said, dialled or asked stands as text; everything else has attributes only.
TEXT_FIRST = {"Say", "Redirect", "Number", "Client", "Sip", "Body"}


def snake(name: str) -> str:
    """As Python writes a name: statusCallback is status_callback."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def rebuild(element: ElementTree.Element, parent: TwiML, seen: Counter[str]) -> None:
    """Writes an element into `parent`, by the call the library has for it."""
    seen[element.tag] += 1
    call = getattr(parent, snake(element.tag), None)
    assert call is not None, f"there is no <{element.tag}> in {type(parent).__name__}"
    known = inspect.signature(call).parameters
    arguments = {snake(name): value for name, value in element.attrib.items()}
    for name in arguments:
        assert name in known, f"<{element.tag}> has no {name}"
    text = [element.text or ""] if element.tag in TEXT_FIRST else []
    assert text or not (element.text or "").strip(), f"<{element.tag}> holds text"
    assert not (element.tail or "").strip(), f"text follows <{element.tag}>"
    made = call(*text, **arguments)
    for child in element:
        rebuild(child, made, seen)


def main() -> None:
    """Judges what was given."""
    seen: Counter[str] = Counter()
    for kind, documents in json.load(sys.stdin).items():
        for document in documents:
            root = ElementTree.fromstring(document.encode())
            assert root.tag == "Response" and not root.attrib, document
            response = RESPONSES[kind]()
            for element in root:
                rebuild(element, response, seen)
            theirs = response.to_xml()
            ours, wanted = (ElementTree.canonicalize(text) for text in (document, theirs))
            assert ours == wanted, f"{document}\n{theirs}"
            assert document.startswith('<?xml version="1.0" encoding="UTF-8"?>'), document
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
