"""A lender's system and recoup: opens cases, imports a file, records a payment, follows the events.

All of it may be run again: request ids follow from the lender's own references, so nothing is done twice.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "gen"))

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, money_pb2
from recoup.v1 import borrower_pb2 as borrowers
from recoup.v1 import case_pb2 as cases
from recoup.v1 import case_pb2_grpc, event_pb2
from recoup.v1 import types_pb2 as types

from calls import PATIENCE_S, TRY_S, call, problem_of, problem_of_status, repeating
from connect import CALLER, connect
from follow import Follower


def borrower(number: int, mobile: str) -> borrowers.Party:
    return borrowers.Party(
        lender_ref=f"python-borrower-{number}",
        display_name="Zhang San",
        kind=types.BORROWER_KIND_INDIVIDUAL,
        regions=["CN"],
        locale="en",
        contact_points=[
            borrowers.ContactPoint(
                kind=borrowers.CONTACT_POINT_KIND_MOBILE, value=mobile, source="contract", verified=True
            )
        ],
    )


def loan(number: int) -> cases.CaseInput:
    return cases.CaseInput(
        lender_case_ref=f"python-loan-{number}",
        jurisdiction="CN",
        lender_kind=types.LENDER_KIND_MICROLOAN_COMPANY,
        facts=cases.CaseFacts(
            principal=money_pb2.Money(currency_code="CNY", units=5000),
            overdue=money_pb2.Money(currency_code="CNY", units=600),
            oldest_unpaid_due_date=date_pb2.Date(year=2026, month=3, day=1),
        ),
    )


def open_case(service: case_pb2_grpc.CaseServiceStub) -> str:
    request = cases.OpenCaseRequest(
        request_id="python-open-loan-1", upsert=borrower(1, "+8615400000001"), case=loan(1)
    )
    opened = call(service.OpenCase, request, CALLER).case
    # An answer that got lost: the same request again opens nothing, and gives the same answer.
    again = call(service.OpenCase, request, CALLER).case
    assert again.case_id == opened.case_id, "one request id, one case"
    return opened.case_id


def import_file(service: case_pb2_grpc.CaseServiceStub) -> dict:
    """Streams the rows of a file; the second has a number that is none."""
    numbers = {1: "+8615400000002", 2: "12345", 3: "+8615400000004"}
    rows = [
        cases.ImportCasesRequest(
            request_id="python-file-2026-04",
            row_number=row,
            borrower=borrower(row + 1, mobile),
            case=loan(row + 1),
        )
        for row, mobile in numbers.items()
    ]

    def attempt() -> list[cases.ImportCasesResponse]:
        return list(service.ImportCases(iter(rows), metadata=CALLER, timeout=TRY_S))

    result = {"opened": [], "bad": []}
    for answer in repeating("ImportCases", attempt):
        if answer.WhichOneof("result") == "case_id":
            result["opened"].append(answer.case_id)
            continue
        problem = problem_of_status(answer.error)
        print(f"row {answer.row_number}: {problem.reason}: {problem.message}", flush=True)
        fields = [field for field, _ in problem.fields]
        result["bad"].append({"row": answer.row_number, "reason": problem.reason, "fields": fields})
    return result


def record_payment(service: case_pb2_grpc.CaseServiceStub, case_id: str) -> None:
    request = cases.RecordPaymentRequest(
        request_id="python-payment-1",
        case_id=case_id,
        payment_ref="python-payment-1",
        amount=money_pb2.Money(currency_code="CNY", units=250),
        # When the ledger booked it. The time of the call would make each run another payload.
        received_time=Timestamp(seconds=1_775_000_000),
    )
    call(service.RecordPayment, request, CALLER)


def wrong_payment(service: case_pb2_grpc.CaseServiceStub, case_id: str) -> dict:
    """A payment with all but everything wrong. The server says all of it at once."""
    amount = money_pb2.Money(currency_code="CNY", units=-5)
    request = cases.RecordPaymentRequest(request_id="python-wrong", case_id=case_id, amount=amount)
    try:
        call(service.RecordPayment, request, CALLER)
    except grpc.RpcError as error:
        problem = problem_of(error)
        print(f"{problem.code} {problem.reason}: {problem.message}")
        for field, description in problem.fields:
            print(f"  {field}: {description}", flush=True)
        return {"code": problem.code, "reason": problem.reason, "fields": [field for field, _ in problem.fields]}
    raise AssertionError("the server took a payment of less than nothing")


def main() -> None:
    channel = connect()
    service = case_pb2_grpc.CaseServiceStub(channel)
    case_id = open_case(service)
    imported = import_file(service)
    error = wrong_payment(service, case_id)

    follower = Follower(channel, CALLER)
    follower.start()
    opened = {case_id, *imported["opened"]}

    def of(kind: int) -> set[str]:
        return {event.case_id for event in follower.events if event.kind == kind}

    follower.wait_for("the cases", lambda: opened <= of(event_pb2.EVENT_KIND_CASE_OPENED), PATIENCE_S)
    print("restart please: stop the server, press Enter, start it", flush=True)
    sys.stdin.readline()

    record_payment(service, case_id)
    follower.wait_for("the payment", lambda: case_id in of(event_pb2.EVENT_KIND_PAYMENT_RECORDED), PATIENCE_S)
    follower.stop()
    result = {
        "opened": sorted(opened),
        "bad_rows": imported["bad"],
        "paid": sorted(of(event_pb2.EVENT_KIND_PAYMENT_RECORDED)),
        "positions": [event.position for event in follower.events],
        "cursor": follower.cursor,
        "breaks": [
            {"code": end.code, "reason": end.reason, "retry_after": end.retry_after} for end in follower.breaks
        ],
        "error": error,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
