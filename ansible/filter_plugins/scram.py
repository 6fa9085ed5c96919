"""What PostgreSQL keeps of a password, made here so that the password itself never reaches the server or its log."""

import base64
import hashlib
import hmac

ITERATIONS = 4096  # PostgreSQL's own default


def _text(data):
    return base64.b64encode(data).decode()


def verifier(password, salt):
    """The SCRAM-SHA-256 verifier of a password, as RFC 5803 writes it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def scram_verifier(password, role):
    """The verifier of a role's password, always the same one, so that it can be compared with the stored one.

    password: printable ASCII, as the secrets playbook makes it
    role:     the role's name, from which the salt derives: no two roles share one
    returns:  SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>
    """
    return verifier(password, hashlib.sha256(f"pergola role {role}".encode()).digest()[:16])


class FilterModule:
    """The filter of the postgresql role."""

    def filters(self):
        """Name each public function."""
        return {"scram_verifier": scram_verifier}
