// How recoup is called well: a deadline on each try, the same request again where that helps, errors by reason.

import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { caller } from "./connect.js";
import { Status, detail } from "./contract.js";
import type { Status__Output } from "./gen/google/rpc/Status.js";

/** For one try. A call without a deadline can wait for ever. */
export const TRY_MS = 10_000;
/** For a call with all its tries; a restart of the server fits in. */
export const PATIENCE_MS = 60_000;

/** Why a call, or a row of an import, was not done. */
export interface Problem {
  code: string;
  message: string;
  /** A name of `ErrorReason` without its prefix; docs/errors has a page for each. Empty = the status came from
   * the way there, not from recoup. */
  reason: string;
  /** What is wrong with which field: all of it at once. */
  fields: { field: string; description: string }[];
  /** When to try again, in milliseconds, where the server says so. */
  retryAfter: number | null;
}

/** Reads the details of a google.rpc.Status. */
export function problemOfStatus(from: Status__Output): Problem {
  const problem: Problem = {
    code: status[from.code] ?? "UNKNOWN",
    message: from.message,
    reason: "",
    fields: [],
    retryAfter: null,
  };
  for (const any of from.details) {
    const value = any.value as Buffer;
    switch (any.type_url) {
      case "type.googleapis.com/google.rpc.ErrorInfo":
        problem.reason = detail("ErrorInfo").deserialize(value).reason;
        break;
      case "type.googleapis.com/google.rpc.BadRequest":
        problem.fields = detail("BadRequest").deserialize(value).fieldViolations;
        break;
      case "type.googleapis.com/google.rpc.RetryInfo": {
        const delay = detail("RetryInfo").deserialize(value).retryDelay;
        problem.retryAfter = Number(delay?.seconds ?? 0) * 1000 + (delay?.nanos ?? 0) / 1_000_000;
      }
    }
  }
  return problem;
}

/** Reads the details of a failed call. */
export function problemOf(error: unknown): Problem {
  if (!isServiceError(error)) throw error;
  const [details] = error.metadata.get("grpc-status-details-bin");
  if (details instanceof Buffer) return problemOfStatus(Status.deserialize(details));
  return { code: status[error.code], message: error.details, reason: "", fields: [], retryAfter: null };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error;
}

/** Whether the same request may succeed later. After DEADLINE_EXCEEDED nobody knows whether it was done: the same
 * request id makes it safe to ask again. */
export function helpsAgain(problem: Problem): boolean {
  return problem.retryAfter !== null || ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(problem.code);
}

/** Makes an attempt until it is answered for good. Each attempt must send the very same request, request id
 * included: the server does it once and answers each time as it answered first. */
export async function repeating<Answer>(name: string, attempt: () => Promise<Answer>): Promise<Answer> {
  const started = Date.now();
  for (let backoff = 100; ; backoff = Math.min(2 * backoff, 2_000)) {
    try {
      return await attempt();
    } catch (error) {
      const problem = problemOf(error);
      const wait = problem.retryAfter ?? backoff * (0.5 + Math.random() / 2);
      if (!helpsAgain(problem) || Date.now() - started + wait > PATIENCE_MS) throw error;
      console.log(`again: ${name} in ${Math.round(wait)} ms (${problem.code})`);
      await sleep(wait);
    }
  }
}

/** A method of a service, such as `CaseService.service.OpenCase`. */
interface Method<Request, Answer> {
  path: string;
  requestSerialize: (request: Request) => Buffer;
  responseDeserialize: (bytes: Buffer) => Answer;
}

/** Calls a method. */
export function call<Request, Answer>(
  client: Client,
  method: Method<Request, Answer>,
  request: NoInfer<Request>,
): Promise<Answer> {
  const attempt = () =>
    new Promise<Answer>((resolve, reject) => {
      const options = { deadline: Date.now() + TRY_MS };
      const { path, requestSerialize, responseDeserialize } = method;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, caller, options, (error, answer) => {
        if (error) reject(error);
        else resolve(answer as Answer);
      });
    });
  return repeating(method.path, attempt);
}
