// The contract, read from proto/ when the program starts; its types come from `npm run generate`.

import { fileURLToPath } from "node:url";
import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { ProtoGrpcType as Cases } from "./gen/case.js";
import type { ProtoGrpcType as Details } from "./gen/error_details.js";
import type { ProtoGrpcType as Events } from "./gen/event.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const definition = loadSync(["recoup/v1/case.proto", "recoup/v1/event.proto", "google/rpc/error_details.proto"], {
  includeDirs: [path("../../../../proto")],
  // The same as `npm run generate` says. A position does not fit a number of JavaScript, so 64 bits are text.
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
});

const services = loadPackageDefinition(definition) as unknown as Cases & Events;
export const CaseService = services.recoup.v1.CaseService;
export const EventService = services.recoup.v1.EventService;

type Message<Name extends keyof Details["google"]["rpc"]> = Details["google"]["rpc"][Name];

/** A message of google.rpc that is not of the contract itself but goes with its errors. */
export function detail<Name extends keyof Details["google"]["rpc"]>(name: Name): Message<Name> {
  return definition[`google.rpc.${name}`] as unknown as Message<Name>;
}

export const Status = definition["google.rpc.Status"] as unknown as Cases["google"]["rpc"]["Status"];
