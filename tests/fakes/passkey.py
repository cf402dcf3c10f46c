"""An authenticator in software: makes passkeys and signs with them, as a browser would.

It answers the options of the site's page with what `navigator.credentials` gives, as JSON.
"""

import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
)

ORIGIN = "https://testserver"
# A finger was shown, not just the device.
FLAGS = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV


class Passkey:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(16)
        self.user_handle = ""

    def create(self, options: dict[str, Any]) -> str:
        """What the form for adding a passkey posts as `credential`."""
        public = options["publicKey"]
        self.user_handle = public["user"]["id"]
        cose = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        kept = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, cose)
        flags = FLAGS | AuthenticatorData.FLAG.AT
        data = AuthenticatorData.create(_rp_hash(public["rp"]["id"]), flags, 0, kept)
        answer = {
            "clientDataJSON": _client_data("webauthn.create", public["challenge"]),
            "attestationObject": AttestationObject.create("none", data, {}),
        }
        return self._credential(answer, {"credProps": {"rk": True}})

    def get(self, options: dict[str, Any]) -> str:
        """What the form for signing in posts as `credential`."""
        public = options["publicKey"]
        data = AuthenticatorData.create(_rp_hash(public["rpId"]), FLAGS, 1)
        client_data = _client_data("webauthn.get", public["challenge"])
        signed = data + hashlib.sha256(client_data).digest()
        answer = {
            "clientDataJSON": client_data,
            "authenticatorData": data,
            "signature": self.key.sign(signed, ec.ECDSA(hashes.SHA256())),
        }
        return self._credential(answer, {})

    def _credential(self, answer: dict[str, bytes], extensions: dict[str, object]) -> str:
        said: dict[str, object] = {name: websafe_encode(part) for name, part in answer.items()}
        credential_id = websafe_encode(self.credential_id)
        return json.dumps(
            {
                "id": credential_id,
                "rawId": credential_id,
                "type": "public-key",
                "response": said | {"userHandle": self.user_handle},
                "clientExtensionResults": extensions,
            }
        )


def _client_data(kind: str, challenge: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": ORIGIN}).encode()


def _rp_hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
