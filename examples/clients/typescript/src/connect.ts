// How recoup is reached: over TLS, as the owner of a key or of a certificate; on this machine in plain text too.

import { readFileSync } from "node:fs";
import { type ChannelCredentials, Metadata, credentials } from "@grpc/grpc-js";

// RECOUP_CA, RECOUP_CERT, RECOUP_KEY are PEM files: the root of the server's certificate, and one's own certificate
// with its key.
const { RECOUP_SERVER, RECOUP_TOKEN, RECOUP_CA, RECOUP_CERT, RECOUP_KEY } = process.env;

export const SERVER = RECOUP_SERVER ?? "127.0.0.1:7700";

export const OPTIONS = {
  // A connection that died without a word is found within a minute and a half.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 30_000,
  // A server that is back is found soon.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

/** What each call carries. Whoever shows a certificate needs no key; a key that is shown decides. */
export const caller = new Metadata();
const token = RECOUP_TOKEN ?? (RECOUP_CERT ? "" : "dev-ana");
if (token) caller.set("authorization", `Bearer ${token}`);

export function transport(): ChannelCredentials {
  if (!RECOUP_CA) return credentials.createInsecure();
  const file = (path: string | undefined) => (path ? readFileSync(path) : null);
  return credentials.createSsl(file(RECOUP_CA), file(RECOUP_KEY), file(RECOUP_CERT));
}
