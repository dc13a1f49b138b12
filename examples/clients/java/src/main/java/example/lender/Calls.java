package example.lender;

import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** How recoup is called well: a deadline on each try, the same request again where that helps. */
final class Calls {
  /** For one try, in seconds. A call without a deadline can wait for ever. */
  static final long TRY_S = 10;

  /** For a call with all its tries; a restart of the server fits in. */
  static final Duration PATIENCE = Duration.ofMinutes(1);

  static final Duration BACKOFF_MIN = Duration.ofMillis(100);
  static final Duration BACKOFF_MAX = Duration.ofSeconds(2);

  private final ManagedChannel channel;

  Calls(ManagedChannel channel) {
    this.channel = channel;
  }

  /**
   * Makes an attempt until it is answered for good. Each attempt must send the very same request, request id included:
   * the server does it once and answers each time as it answered first.
   */
  <Answer> Answer repeating(String name, Supplier<Answer> attempt) throws InterruptedException {
    Instant end = Instant.now().plus(PATIENCE);
    Duration backoff = BACKOFF_MIN;
    while (true) {
      try {
        return attempt.get();
      } catch (StatusRuntimeException error) {
        Problem problem = Problem.of(error);
        Duration wait = problem.retryAfter().orElse(jittered(backoff));
        if (!problem.helpsAgain() || Instant.now().plus(wait).isAfter(end)) {
          throw error;
        }
        System.out.printf("again: %s in %d ms (%s)%n", name, wait.toMillis(), problem.code());
        pause(wait);
        backoff = longer(backoff);
      }
    }
  }

  /** Waits, and then does not wait for the connection's own backoff: a server that is back is found soon. */
  void pause(Duration wait) throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(wait.toNanos());
    channel.resetConnectBackoff();
  }

  static Duration longer(Duration backoff) {
    Duration twice = backoff.multipliedBy(2);
    return twice.compareTo(BACKOFF_MAX) < 0 ? twice : BACKOFF_MAX;
  }

  private static Duration jittered(Duration backoff) {
    long millis = backoff.toMillis();
    return Duration.ofMillis(ThreadLocalRandom.current().nextLong(millis / 2, millis + 1));
  }
}
