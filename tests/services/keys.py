"""The keys of a Supabase project: JWTs signed with the project's secret, and the newer opaque ones."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass

TEN_YEARS_S = 10 * 365 * 24 * 3600


@dataclass(frozen=True)
class Keys:
    """Everything a request can show at the gateway."""

    secret: str
    service_role: str
    anon: str
    secret_key: str
    publishable_key: str

    @staticmethod
    def make() -> "Keys":
        secret = secrets.token_hex(32)
        return Keys(
            secret=secret,
            service_role=sign("service_role", secret),
            anon=sign("anon", secret),
            secret_key=f"sb_secret_{secrets.token_urlsafe(24)}",
            publishable_key=f"sb_publishable_{secrets.token_urlsafe(24)}",
        )

    def token_of(self, api_key: str) -> str | None:
        """The JWT that stands behind a key, or none where the key is nobody's."""
        tokens = {
            self.service_role: self.service_role,
            self.anon: self.anon,
            self.secret_key: self.service_role,
            self.publishable_key: self.anon,
        }
        return tokens.get(api_key)


def sign(role: str, secret: str) -> str:
    """A JWT (HS256) that makes its bearer this role."""
    now = int(time.time())
    claims = {"iss": "supabase", "ref": "stand", "role": role, "iat": now, "exp": now + TEN_YEARS_S}
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{to_base64(signature)}"


def part(value: dict[str, object]) -> str:
    return to_base64(json.dumps(value, separators=(",", ":")).encode())


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
