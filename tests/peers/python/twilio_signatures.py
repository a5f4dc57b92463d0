"""Twilio's own validator judges signatures.

Reads a list of cases from standard input: {"key", "url", "params": [[name, value], …], "signature"}, with "body" for a
body that is no form, and "algorithm" for one other than the usual. Prints {"signature", "is_valid"} for each: what
Twilio's library signs it with, and whether it believes the signature that was given.
"""

import json
import sys
from typing import Any

from multidict import MultiDict
from twilio.request_validator import RequestValidator


def judge(case: dict[str, Any]) -> dict[str, Any]:
    """One case."""
    validator = RequestValidator(case["key"])
    params, algorithm = MultiDict(case["params"]), case.get("algorithm")
    given = case["body"] if "body" in case else params
    return {
        "signature": validator.compute_signature(case["url"], params, algorithm),
        "is_valid": validator.validate(case["url"], given, case["signature"], algorithm),
    }


if __name__ == "__main__":
    print(json.dumps([judge(case) for case in json.load(sys.stdin)]))
