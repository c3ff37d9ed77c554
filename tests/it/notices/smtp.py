"""A real SMTP server (aiosmtpd) for the tests: plain, with STARTTLS and with TLS, the last two with a
login. Writes cert.pem into the folder of its argument, prints its ports as JSON and then each mail as
a line of JSON. Ends when its input does."""

import email
import email.policy
import json
import ssl
import subprocess
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder = sys.argv[1]
cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500", "-keyout", key, "-out", cert]
    + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    + ["-addext", "basicConstraints=critical,CA:FALSE"],
    check=True,
    capture_output=True,
)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)


def say(value):
    # In one piece: three servers write from threads of their own.
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class Handler:
    def __init__(self, port):
        self.port = port

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "450 4.2.1 SECRET of the server"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(
            {
                "port": self.port,
                "tls": server.transport.get_extra_info("sslcontext") is not None,
                "user": session.auth_data,
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "message_id": mail["message-id"],
                "subject": mail["subject"],
                "auto_submitted": mail["auto-submitted"],
                "plain": mail.get_body(("plain",)).get_content(),
                "html": mail.get_body(("html",)).get_content(),
            }
        )
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    right = data.login == b"heygen" and data.password == b"p w"
    return AuthResult(success=right, handled=False, auth_data=data.login.decode())


class OnAnyPort(Controller):
    """Listens where there is room, and asks itself there whether it is ready."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def controller(name, tls=None, **more):
    server = OnAnyPort(Handler(name), hostname="127.0.0.1", port=0, ssl_context=tls, **more)
    server.start()
    return server


guarded = {"authenticator": login, "auth_required": True}
all_of_them = {
    "plain": controller("plain"),
    "starttls": controller("starttls", tls_context=context, require_starttls=True, **guarded),
    "tls": controller("tls", tls=context, auth_require_tls=False, **guarded),
}
say({name: one.port for name, one in all_of_them.items()})
sys.stdin.read()
for one in all_of_them.values():
    one.stop()
