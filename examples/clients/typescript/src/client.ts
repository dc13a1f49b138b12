// A lender's system and recoup: opens cases, imports a file, records a payment, follows the events.
//
// All of it may be run again: request ids follow from the lender's own references, so nothing is done twice.

import assert from "node:assert";
import { createInterface } from "node:readline/promises";
import { TRY_MS, call, problemOf, problemOfStatus, repeating } from "./calls.js";
import { OPTIONS, SERVER, caller, transport } from "./connect.js";
import { CaseService, EventService } from "./contract.js";
import { Follower } from "./follow.js";
import type { CaseServiceClient } from "./gen/recoup/v1/CaseService.js";
import type { CaseInput } from "./gen/recoup/v1/CaseInput.js";
import type { ImportCasesResponse__Output } from "./gen/recoup/v1/ImportCasesResponse.js";
import type { Party } from "./gen/recoup/v1/Party.js";

function borrower(number: number, mobile: string): Party {
  return {
    lenderRef: `typescript-borrower-${number}`,
    displayName: "Zhang San",
    kind: "BORROWER_KIND_INDIVIDUAL",
    regions: ["CN"],
    locale: "en",
    contactPoints: [{ kind: "CONTACT_POINT_KIND_MOBILE", value: mobile, source: "contract", verified: true }],
  };
}

function loan(number: number): CaseInput {
  return {
    lenderCaseRef: `typescript-loan-${number}`,
    jurisdiction: "CN",
    lenderKind: "LENDER_KIND_MICROLOAN_COMPANY",
    facts: {
      principal: { currencyCode: "CNY", units: 5000 },
      overdue: { currencyCode: "CNY", units: 600 },
      oldestUnpaidDueDate: { year: 2026, month: 3, day: 1 },
    },
  };
}

async function openCase(service: CaseServiceClient): Promise<string> {
  const open = () =>
    call(service, CaseService.service.OpenCase, {
      requestId: "typescript-open-loan-1",
      upsert: borrower(1, "+8615400000011"),
      case: loan(1),
    });
  const opened = await open();
  // An answer that got lost: the same request again opens nothing, and gives the same answer.
  const again = await open();
  assert.equal(again.case?.caseId, opened.case?.caseId, "one request id, one case");
  return opened.case?.caseId ?? "";
}

interface BadRow {
  row: number;
  reason: string;
  fields: string[];
}

/** Streams the rows of a file; the second has a number that is none. */
async function importFile(service: CaseServiceClient): Promise<{ opened: string[]; bad: BadRow[] }> {
  const numbers = ["+8615400000012", "12345", "+8615400000014"];
  const attempt = async () => {
    const stream = service.ImportCases(caller, { deadline: Date.now() + TRY_MS });
    for (const [index, mobile] of numbers.entries()) {
      stream.write({
        requestId: "typescript-file-2026-04",
        rowNumber: index + 1,
        borrower: borrower(index + 2, mobile),
        case: loan(index + 2),
      });
    }
    stream.end();
    const answers: ImportCasesResponse__Output[] = [];
    for await (const answer of stream as AsyncIterable<ImportCasesResponse__Output>) answers.push(answer);
    return answers;
  };
  const opened: string[] = [];
  const bad: BadRow[] = [];
  for (const answer of await repeating("ImportCases", attempt)) {
    if (answer.caseId) opened.push(answer.caseId);
    if (!answer.error) continue;
    const problem = problemOfStatus(answer.error);
    console.log(`row ${answer.rowNumber}: ${problem.reason}: ${problem.message}`);
    const fields = problem.fields.map(({ field }) => field);
    bad.push({ row: Number(answer.rowNumber), reason: problem.reason, fields });
  }
  return { opened, bad };
}

async function recordPayment(service: CaseServiceClient, caseId: string): Promise<void> {
  await call(service, CaseService.service.RecordPayment, {
    requestId: "typescript-payment-1",
    caseId,
    paymentRef: "typescript-payment-1",
    amount: { currencyCode: "CNY", units: 250 },
    // When the ledger booked it. The time of the call would make each run another payload.
    receivedTime: { seconds: 1_775_000_000 },
  });
}

/** A payment with all but everything wrong. The server says all of it at once. */
async function wrongPayment(service: CaseServiceClient, caseId: string) {
  const amount = { currencyCode: "CNY", units: -5 };
  const request = { requestId: "typescript-wrong", caseId, amount };
  const refused = await call(service, CaseService.service.RecordPayment, request).then(
    () => assert.fail("the server took a payment of less than nothing"),
    problemOf,
  );
  console.log(`${refused.code} ${refused.reason}: ${refused.message}`);
  for (const { field, description } of refused.fields) console.log(`  ${field}: ${description}`);
  return { code: refused.code, reason: refused.reason, fields: refused.fields.map(({ field }) => field) };
}

async function pressEnter(): Promise<void> {
  console.log("restart please: stop the server, press Enter, start it");
  const terminal = createInterface({ input: process.stdin });
  await new Promise((resolve) => terminal.once("line", resolve).once("close", resolve));
  terminal.close();
}

async function main(): Promise<void> {
  const service = new CaseService(SERVER, transport(), OPTIONS);
  const events = new EventService(SERVER, transport(), OPTIONS);
  const caseId = await openCase(service);
  const imported = await importFile(service);
  const error = await wrongPayment(service, caseId);

  const follower = new Follower(events);
  const following = follower.run();
  const opened = [caseId, ...imported.opened].sort();
  const of = (kind: string) => follower.events.filter((event) => event.kind === kind).map(({ caseId }) => caseId);
  const steps = async () => {
    const known = () => opened.every((id) => of("EVENT_KIND_CASE_OPENED").includes(id));
    await follower.waitFor("the cases", known);
    await pressEnter();
    await recordPayment(service, caseId);
    await follower.waitFor("the payment", () => of("EVENT_KIND_PAYMENT_RECORDED").includes(caseId));
    follower.stop();
  };
  await Promise.all([following, steps()]);

  const result = {
    opened,
    bad_rows: imported.bad,
    paid: of("EVENT_KIND_PAYMENT_RECORDED"),
    positions: follower.events.map(({ position }) => Number(position)),
    cursor: follower.cursor,
    breaks: follower.breaks.map(({ code, reason, retryAfter }) => ({
      code,
      reason,
      retry_after: retryAfter === null ? null : retryAfter / 1000,
    })),
    error,
  };
  console.log(JSON.stringify(result));
  service.close();
  events.close();
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
