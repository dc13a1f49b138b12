package example.lender;

import com.google.gson.GsonBuilder;
import com.google.protobuf.Timestamp;
import com.google.type.Date;
import com.google.type.Money;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import recoup.v1.BorrowerKind;
import recoup.v1.CaseFacts;
import recoup.v1.CaseInput;
import recoup.v1.CaseServiceGrpc;
import recoup.v1.CaseServiceGrpc.CaseServiceBlockingStub;
import recoup.v1.ContactPoint;
import recoup.v1.ContactPointKind;
import recoup.v1.Event;
import recoup.v1.EventKind;
import recoup.v1.EventServiceGrpc;
import recoup.v1.ImportCasesRequest;
import recoup.v1.ImportCasesResponse;
import recoup.v1.LenderKind;
import recoup.v1.OpenCaseRequest;
import recoup.v1.Party;
import recoup.v1.RecordPaymentRequest;

/**
 * A lender's system and recoup: opens cases, imports a file, records a payment, follows the events.
 *
 * <p>All of it may be run again: request ids follow from the lender's own references, so nothing is done twice.
 */
public final class Client {
  private final ManagedChannel channel;
  private final Calls calls;

  private Client(ManagedChannel channel) {
    this.channel = channel;
    this.calls = new Calls(channel);
  }

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = Connection.open(System.getenv());
    try {
      new Client(channel).run();
    } finally {
      channel.shutdown().awaitTermination(10, TimeUnit.SECONDS);
    }
  }

  private void run() throws Exception {
    String caseId = openCase();
    Imported imported = importFile();
    Problem refused = wrongPayment(caseId);

    List<String> opened = Stream.concat(Stream.of(caseId), imported.opened.stream()).sorted().toList();
    try (Follower follower = new Follower(EventServiceGrpc.newBlockingStub(channel), calls, "")) {
      follower.start();
      follower.waitFor(EventKind.EVENT_KIND_CASE_OPENED, opened);
      System.out.println("restart please: stop the server, press Enter, start it");
      new BufferedReader(new InputStreamReader(System.in)).readLine();

      recordPayment(caseId);
      follower.waitFor(EventKind.EVENT_KIND_PAYMENT_RECORDED, List.of(caseId));
      follower.close();
      report(opened, imported.bad, follower, refused);
    }
  }

  /** A stub whose call must be answered in time; each try takes a new one. */
  private CaseServiceBlockingStub cases() {
    return CaseServiceGrpc.newBlockingStub(channel).withDeadlineAfter(Calls.TRY_S, TimeUnit.SECONDS);
  }

  private static Party borrower(int number, String mobile) {
    ContactPoint point =
        ContactPoint.newBuilder()
            .setKind(ContactPointKind.CONTACT_POINT_KIND_MOBILE)
            .setValue(mobile)
            .setSource("contract")
            .setVerified(true)
            .build();
    return Party.newBuilder()
        .setLenderRef("java-borrower-" + number)
        .setDisplayName("Zhang San")
        .setKind(BorrowerKind.BORROWER_KIND_INDIVIDUAL)
        .addRegions("CN")
        .setLocale("en")
        .addContactPoints(point)
        .build();
  }

  private static CaseInput loan(int number) {
    CaseFacts facts =
        CaseFacts.newBuilder()
            .setPrincipal(yuan(5000))
            .setOverdue(yuan(600))
            .setOldestUnpaidDueDate(Date.newBuilder().setYear(2026).setMonth(3).setDay(1))
            .build();
    return CaseInput.newBuilder()
        .setLenderCaseRef("java-loan-" + number)
        .setJurisdiction("CN")
        .setLenderKind(LenderKind.LENDER_KIND_MICROLOAN_COMPANY)
        .setFacts(facts)
        .build();
  }

  private static Money yuan(long units) {
    return Money.newBuilder().setCurrencyCode("CNY").setUnits(units).build();
  }

  private String openCase() throws InterruptedException {
    OpenCaseRequest request =
        OpenCaseRequest.newBuilder()
            .setRequestId("java-open-loan-1")
            .setUpsert(borrower(1, "+8615400000031"))
            .setCase(loan(1))
            .build();
    String opened = calls.repeating("OpenCase", () -> cases().openCase(request)).getCase().getCaseId();
    // An answer that got lost: the same request again opens nothing, and gives the same answer.
    String again = calls.repeating("OpenCase", () -> cases().openCase(request)).getCase().getCaseId();
    if (!again.equals(opened)) {
      throw new IllegalStateException("one request id opened two cases");
    }
    return opened;
  }

  private record BadRow(long row, String reason, List<String> fields) {}

  private record Imported(List<String> opened, List<BadRow> bad) {}

  /** Streams the rows of a file; the second has a number that is none. */
  private Imported importFile() throws InterruptedException {
    List<String> numbers = List.of("+8615400000032", "12345", "+8615400000034");
    List<ImportCasesRequest> rows = new ArrayList<>();
    for (int row = 1; row <= numbers.size(); row++) {
      rows.add(
          ImportCasesRequest.newBuilder()
              .setRequestId("java-file-2026-04")
              .setRowNumber(row)
              .setBorrower(borrower(row + 1, numbers.get(row - 1)))
              .setCase(loan(row + 1))
              .build());
    }
    Imported imported = new Imported(new ArrayList<>(), new ArrayList<>());
    for (ImportCasesResponse answer : calls.repeating("ImportCases", () -> importRows(rows))) {
      if (!answer.hasError()) {
        imported.opened.add(answer.getCaseId());
        continue;
      }
      Problem problem = Problem.of(answer.getError());
      System.out.printf("row %d: %s: %s%n", answer.getRowNumber(), problem.reason(), problem.message());
      imported.bad.add(new BadRow(answer.getRowNumber(), problem.reason(), problem.fieldNames()));
    }
    return imported;
  }

  private List<ImportCasesResponse> importRows(List<ImportCasesRequest> rows) {
    List<ImportCasesResponse> answers = new ArrayList<>();
    CompletableFuture<List<ImportCasesResponse>> all = new CompletableFuture<>();
    StreamObserver<ImportCasesResponse> reader =
        new StreamObserver<>() {
          @Override
          public void onNext(ImportCasesResponse answer) {
            answers.add(answer);
          }

          @Override
          public void onError(Throwable error) {
            all.completeExceptionally(error);
          }

          @Override
          public void onCompleted() {
            all.complete(answers);
          }
        };
    StreamObserver<ImportCasesRequest> writer =
        CaseServiceGrpc.newStub(channel)
            .withDeadlineAfter(Calls.TRY_S, TimeUnit.SECONDS)
            .importCases(reader);
    rows.forEach(writer::onNext);
    writer.onCompleted();
    try {
      return all.join();
    } catch (CompletionException ended) {
      throw (StatusRuntimeException) ended.getCause();
    }
  }

  private void recordPayment(String caseId) throws InterruptedException {
    RecordPaymentRequest request =
        RecordPaymentRequest.newBuilder()
            .setRequestId("java-payment-1")
            .setCaseId(caseId)
            .setPaymentRef("java-payment-1")
            .setAmount(yuan(250))
            // When the ledger booked it. The time of the call would make each run another payload.
            .setReceivedTime(Timestamp.newBuilder().setSeconds(1_775_000_000))
            .build();
    calls.repeating("RecordPayment", () -> cases().recordPayment(request));
  }

  /** A payment with all but everything wrong. The server says all of it at once. */
  private Problem wrongPayment(String caseId) throws InterruptedException {
    RecordPaymentRequest request =
        RecordPaymentRequest.newBuilder()
            .setRequestId("java-wrong")
            .setCaseId(caseId)
            .setAmount(yuan(-5))
            .build();
    try {
      calls.repeating("RecordPayment", () -> cases().recordPayment(request));
    } catch (StatusRuntimeException error) {
      Problem problem = Problem.of(error);
      System.out.printf("%s %s: %s%n", problem.code(), problem.reason(), problem.message());
      problem.fields().forEach(field -> System.out.printf("  %s: %s%n", field.getField(), field.getDescription()));
      return problem;
    }
    throw new IllegalStateException("the server took a payment of less than nothing");
  }

  private record Break(String code, String reason, Double retry_after) {}

  private static void report(List<String> opened, List<BadRow> bad, Follower follower, Problem refused) {
    List<Break> breaks =
        follower.breaks().stream()
            .map(
                end -> {
                  Double seconds = end.retryAfter().map(Duration::toMillis).map(ms -> ms / 1000.0).orElse(null);
                  return new Break(end.code().name(), end.reason(), seconds);
                })
            .toList();
    Map<String, Object> result =
        Map.of(
            "opened", opened,
            "bad_rows", bad,
            "paid", follower.cases(EventKind.EVENT_KIND_PAYMENT_RECORDED),
            "positions", follower.events().stream().map(Event::getPosition).toList(),
            "cursor", follower.cursor(),
            "breaks", breaks,
            "error",
                Map.of(
                    "code", refused.code().name(), "reason", refused.reason(), "fields", refused.fieldNames()));
    System.out.println(new GsonBuilder().serializeNulls().create().toJson(result));
  }
}
