"""How recoup is reached: over TLS, as the owner of a key or of a certificate; on this machine in plain text too."""

import os
from pathlib import Path

import grpc

SERVER = os.environ.get("RECOUP_SERVER", "127.0.0.1:7700")
# PEM files: the root of the server's certificate, and one's own certificate with its key.
CA, CERT, KEY = (os.environ.get(name) for name in ("RECOUP_CA", "RECOUP_CERT", "RECOUP_KEY"))
# Whoever shows a certificate needs no key; a key that is shown decides.
TOKEN = os.environ.get("RECOUP_TOKEN", "" if CERT else "dev-ana")
CALLER = [("authorization", f"Bearer {TOKEN}")] if TOKEN else []
OPTIONS = [
    # A connection that died without a word is found within a minute and a half.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 30_000),
    # A server that is back is found soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def connect() -> grpc.Channel:
    if CA is None:
        return grpc.insecure_channel(SERVER, OPTIONS)
    root, key, chain = (Path(path).read_bytes() if path else None for path in (CA, KEY, CERT))
    return grpc.secure_channel(SERVER, grpc.ssl_channel_credentials(root, key, chain), OPTIONS)
