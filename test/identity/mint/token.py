# token.py: gives the signed-in user a token for the relay. PORT=3001 JWT_SECRET=… python token.py
import json
import os
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

KEY = os.environ["JWT_SECRET"]
LIFE_SECONDS = 300


def signed_in_user(headers):
    """Replace it: who is signed in, by your own session."""
    return {"id": "alice", "profile": "staff"} if headers.get("Cookie") == "session=sample" else None


def mint(user):
    expires_at = int(time.time()) + LIFE_SECONDS
    claims = {
        "sub": user["id"],
        "profile": user["profile"],
        "iss": "https://app.example.com",
        "aud": "realtime-relay",
        "exp": expires_at,
        "jti": str(uuid.uuid4()),
    }
    return {"token": jwt.encode(claims, KEY, algorithm="HS256"), "expires_at": expires_at}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        user = signed_in_user(self.headers)
        status = 404 if self.path != "/token" else 200 if user else 401
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(json.dumps(mint(user) if status == 200 else {}).encode())


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("ready", flush=True)
server.serve_forever()
