// Follows the events of the lender: nothing missed, nothing twice, over breaks of the connection and restarts.

import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE_MS, type Problem, helpsAgain, problemOf } from "./calls.js";
import { caller } from "./connect.js";
import type { EventServiceClient } from "./gen/recoup/v1/EventService.js";
import type { Event__Output } from "./gen/recoup/v1/Event.js";
import type { WatchEventsResponse__Output } from "./gen/recoup/v1/WatchEventsResponse.js";

export class Follower {
  /** In commit order. */
  readonly events: Event__Output[] = [];
  /** How streams ended. */
  readonly breaks: Problem[] = [];
  #stopping = new AbortController();
  #changed: () => void = () => {};

  /** `cursor`: a lender's system keeps it with what it made of the events, in one transaction. */
  constructor(
    private readonly service: EventServiceClient,
    public cursor = "",
  ) {}

  /** Follows until it is stopped, or until the server says what no repetition mends. */
  async run(): Promise<void> {
    let backoff = 100;
    while (!this.#stopping.signal.aborted) {
      const before = this.cursor;
      let problem: Problem = { code: "UNAVAILABLE", message: "the stream ended", reason: "", fields: [], retryAfter: null };
      try {
        await this.#read();
      } catch (error) {
        problem = problemOf(error);
      }
      if (this.#stopping.signal.aborted) return;
      this.breaks.push(problem);
      this.#changed();
      if (!helpsAgain(problem)) throw new Error(`the watch ended: ${problem.code} ${problem.message}`);
      backoff = this.cursor === before ? Math.min(2 * backoff, 2_000) : 100;
      await sleep(problem.retryAfter ?? backoff, null, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  async #read(): Promise<void> {
    // No deadline: a watch has no end. Keepalive finds out where the server is gone.
    const stream = this.service.WatchEvents({ cursor: this.cursor }, caller);
    const cancel = () => stream.cancel();
    this.#stopping.signal.addEventListener("abort", cancel);
    try {
      for await (const message of stream as AsyncIterable<WatchEventsResponse__Output>) {
        // A message without an event is a sign of life; its cursor counts all the same.
        if (message.event) this.events.push(message.event);
        this.cursor = message.cursor;
        this.#changed();
      }
    } finally {
      this.#stopping.signal.removeEventListener("abort", cancel);
    }
  }

  /** Waits until `holds`, which is asked anew after each event and each break. */
  async waitFor(what: string, holds: () => boolean): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    while (!holds()) {
      if (Date.now() > until) {
        throw new Error(`no sign of ${what} in ${this.events.length} events; breaks: ${JSON.stringify(this.breaks)}`);
      }
      const change = new Promise<void>((resolve) => (this.#changed = resolve));
      await Promise.race([change, sleep(1_000)]);
    }
  }

  /** Ends the watch. */
  stop(): void {
    this.#stopping.abort();
  }
}
