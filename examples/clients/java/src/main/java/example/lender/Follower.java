package example.lender;

import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import recoup.v1.Event;
import recoup.v1.EventKind;
import recoup.v1.EventServiceGrpc.EventServiceBlockingStub;
import recoup.v1.WatchEventsRequest;
import recoup.v1.WatchEventsResponse;

/** Follows the events of the lender: nothing missed, nothing twice, over breaks of the connection and restarts. */
final class Follower implements AutoCloseable {
  private final EventServiceBlockingStub service;
  private final Calls calls;
  private final Context.CancellableContext watching = Context.current().withCancellation();
  private final Thread thread = new Thread(this::run, "follower");

  // Guarded by this; whoever changes them notifies.
  private final List<Event> events = new ArrayList<>();
  private final List<Problem> breaks = new ArrayList<>();
  private String cursor;

  /**
   * @param cursor where to go on, empty for the beginning. A lender's system keeps it with what it made of the events,
   *     in one transaction.
   */
  Follower(EventServiceBlockingStub service, Calls calls, String cursor) {
    this.service = service;
    this.calls = calls;
    this.cursor = cursor;
  }

  void start() {
    thread.start();
  }

  private void run() {
    Duration backoff = Calls.BACKOFF_MIN;
    while (!watching.isCancelled()) {
      String before = cursor();
      Problem problem = read();
      if (watching.isCancelled()) {
        return;
      }
      synchronized (this) {
        breaks.add(problem);
        notifyAll();
      }
      if (!problem.helpsAgain()) {
        return;
      }
      backoff = cursor().equals(before) ? Calls.longer(backoff) : Calls.BACKOFF_MIN;
      try {
        calls.pause(problem.retryAfter().orElse(backoff));
      } catch (InterruptedException stopped) {
        return;
      }
    }
  }

  /** Reads one stream to its end, and says why it ended. */
  private Problem read() {
    WatchEventsRequest request = WatchEventsRequest.newBuilder().setCursor(cursor()).build();
    Context before = watching.attach();
    try {
      // No deadline: a watch has no end. Keepalive finds out where the server is gone.
      service.watchEvents(request).forEachRemaining(this::take);
      return new Problem(
          io.grpc.Status.Code.UNAVAILABLE, "the stream ended", "", List.of(), Optional.empty());
    } catch (StatusRuntimeException error) {
      return Problem.of(error);
    } finally {
      watching.detach(before);
    }
  }

  private synchronized void take(WatchEventsResponse message) {
    // A message without an event is a sign of life; its cursor counts all the same.
    if (message.hasEvent()) {
      events.add(message.getEvent());
    }
    cursor = message.getCursor();
    notifyAll();
  }

  synchronized String cursor() {
    return cursor;
  }

  synchronized List<Event> events() {
    return List.copyOf(events);
  }

  /** How streams ended. */
  synchronized List<Problem> breaks() {
    return List.copyOf(breaks);
  }

  /** The cases that had an event of this kind. */
  synchronized TreeSet<String> cases(EventKind kind) {
    TreeSet<String> cases = new TreeSet<>();
    events.stream().filter(event -> event.getKind() == kind).forEach(event -> cases.add(event.getCaseId()));
    return cases;
  }

  /** Waits until all of these cases had an event of this kind. */
  synchronized void waitFor(EventKind kind, List<String> cases) throws InterruptedException, TimeoutException {
    long end = System.nanoTime() + Calls.PATIENCE.toNanos();
    while (!cases(kind).containsAll(cases)) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (left <= 0) {
        throw new TimeoutException("no " + kind + " of all of " + cases + "; breaks: " + breaks);
      }
      wait(left);
    }
  }

  /** Ends the watch. */
  @Override
  public void close() throws InterruptedException {
    watching.cancel(null);
    thread.interrupt();
    thread.join();
  }
}
