#!/usr/bin/env python3
"""Tests a reminder with independent implementations: a real mail server (aiosmtpd) receives it, http_ece decrypts its push, py_vapid checks the VAPID
token, and standardwebhooks verifies the webhook. Called by `just reach`; TASKFLOW names the program."""

import base64, datetime, http.server, json, os, queue, re, socket, ssl, subprocess, sys, tempfile, threading, time, urllib.request

import http_ece
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from email import message_from_bytes, policy
from py_vapid import Vapid02
from standardwebhooks.webhooks import Webhook

PATIENCE = 60
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
b64url = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
mails, pushes, posts = queue.Queue(), queue.Queue(), queue.Queue()


class Mails:
    async def handle_DATA(self, server, session, envelope):
        assert session.ssl, "the mail came without TLS"
        mails.put((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=isinstance(data, LoginPassword) and (data.login, data.password) == (b"ann", b"a password"))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        (pushes if self.path.startswith("/push/") else posts).put((dict(self.headers), body))
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(base, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text = answer.read()
    return json.loads(text) if text and answer.headers.get_content_type() == "application/json" else text.decode()


def main():
    program, folder = os.environ["TASKFLOW"], tempfile.TemporaryDirectory()
    certificate, key = f"{folder.name}/certificate.pem", f"{folder.name}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    mail = Controller(Mails(), hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True, auth_required=True, authenticator=login)
    mail.start()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    own = f"http://127.0.0.1:{web.server_address[1]}"
    env = dict(os.environ, PORT="0", TASKFLOW_DATA_DIR=f"{folder.name}/data", TASKFLOW_TIME_ZONE="UTC", TASKFLOW_URL="https://tasks.example.org",
               TASKFLOW_SMTP_URL=f"smtp://ann:a%20password@localhost:{mail.port}", TASKFLOW_SMTP_ROOTS=certificate, TASKFLOW_MAIL_TO="ann@example.org",
               TASKFLOW_WEBHOOK_URL=f"{own}/hook", TASKFLOW_WEBHOOK_SECRET=SECRET, TASKFLOW_PUSH_TEST_ADDRESS="127.0.0.1")
    taskflow = subprocess.Popen([program], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = queue.Queue()
    for stream in (taskflow.stderr, taskflow.stdout):
        threading.Thread(target=lambda stream=stream: [said.put(line) for line in stream], daemon=True).start()
    try:
        base = None
        while base is None:
            found = re.search(r"http://127\.0\.0\.1:\d+", said.get(timeout=PATIENCE * 3))
            base = found and found.group()
        private, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        browser = {"endpoint": f"{own}/push/1", "keys": {"p256dh": b64url(point), "auth": b64url(auth)}, "name": "laptop"}
        call(base, "POST", "/api/push/subscriptions", browser)
        due = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)).isoformat()
        task = call(base, "POST", "/api/tasks", {"title": "Überweise die Miete ✓", "due_date": due, "reminder_offset": "1 hour"})

        headers, body = pushes.get(timeout=PATIENCE)
        payload = json.loads(http_ece.decrypt(body, private_key=private, auth_secret=auth, version="aes128gcm"))
        assert payload["title"] == task["title"], payload
        headers = {name.lower(): value for name, value in headers.items()}
        assert headers["authorization"].endswith(call(base, "GET", "/api/push/key")["public_key"])
        token = headers["authorization"].removeprefix("vapid t=").split(",")[0]
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert claims["aud"] == own and claims["exp"] - time.time() <= 86_400, claims
        assert Vapid02.verify(headers["authorization"]), "py_vapid refuses the token"

        to, letter = mails.get(timeout=PATIENCE)
        assert to == ["ann@example.org"] and letter["subject"] == f"Reminder: {task['title']}", letter.as_string()
        plain = letter.get_body(("plain",)).get_content()
        assert task["title"] in plain and task["title"] in letter.get_body(("html",)).get_content(), plain
        link = re.search(r"Complete: https://tasks\.example\.org(/answer/\S+)", plain).group(1)

        headers, body = posts.get(timeout=PATIENCE)
        event = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
        assert event["type"] == "reminder.triggered", event

        call(base, "POST", link, {})
        assert call(base, "GET", f"/api/tasks/{task['id']}")["status"] == "completed"
        print("push decrypted by http_ece, its token taken by py_vapid; mail taken by aiosmtpd over TLS; webhook verified by standardwebhooks; link completed the task")
    finally:
        taskflow.terminate()
        taskflow.wait(PATIENCE)
        mail.stop()
        web.shutdown()


main()
