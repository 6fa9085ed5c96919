"""What PostgreSQL keeps of a password, made here so that the password itself never reaches the server or its log."""

import base64
import hashlib
import hmac

ITERATIONS = 4096  # PostgreSQL's own default


def scram_verifier(password, role):
    """The SCRAM-SHA-256 verifier of a password, always the same one, so that it can be compared with the stored one.

    password: printable ASCII, as the secrets playbook makes it
    role:     the role's name, from which the salt derives: no two roles share one
    returns:  SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>
    """
    salt = hashlib.sha256(f"pergola role {role}".encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored_text}:{server_text}"


class FilterModule:
    """The filter of the postgresql role."""

    def filters(self):
        """Name each public function."""
        return {"scram_verifier": scram_verifier}
