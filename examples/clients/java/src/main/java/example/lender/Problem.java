package example.lender;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.Status.Code;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Why a call, or a row of an import, was not done.
 *
 * @param reason a name of {@code ErrorReason} without its prefix; docs/errors has a page for each. Empty = the status
 *     came from the way there, not from recoup.
 * @param fields what is wrong with which field: all of it at once.
 * @param retryAfter when to try again, where the server says so.
 */
record Problem(
    Code code,
    String message,
    String reason,
    List<BadRequest.FieldViolation> fields,
    Optional<Duration> retryAfter) {

  /** Reads the details of a failed call. */
  static Problem of(Throwable error) {
    Status status = StatusProto.fromThrowable(error);
    if (status == null) {
      throw new IllegalStateException("not an answer to a call", error);
    }
    return of(status);
  }

  /** Reads the details of a google.rpc.Status. */
  static Problem of(Status status) {
    String reason = "";
    List<BadRequest.FieldViolation> fields = List.of();
    Optional<Duration> retryAfter = Optional.empty();
    try {
      for (Any detail : status.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          reason = detail.unpack(ErrorInfo.class).getReason();
        } else if (detail.is(BadRequest.class)) {
          fields = detail.unpack(BadRequest.class).getFieldViolationsList();
        } else if (detail.is(RetryInfo.class)) {
          var delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Optional.of(Duration.ofSeconds(delay.getSeconds(), delay.getNanos()));
        }
      }
    } catch (InvalidProtocolBufferException broken) {
      throw new IllegalStateException("details that are not what they say", broken);
    }
    Code code = io.grpc.Status.fromCodeValue(status.getCode()).getCode();
    return new Problem(code, status.getMessage(), reason, fields, retryAfter);
  }

  /**
   * Whether the same request may succeed later. After DEADLINE_EXCEEDED nobody knows whether it was done: the same
   * request id makes it safe to ask again.
   */
  boolean helpsAgain() {
    return retryAfter.isPresent() || code == Code.UNAVAILABLE || code == Code.DEADLINE_EXCEEDED;
  }

  List<String> fieldNames() {
    return fields.stream().map(BadRequest.FieldViolation::getField).toList();
  }
}
