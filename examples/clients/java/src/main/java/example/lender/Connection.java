package example.lender;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * How recoup is reached: over TLS, as the owner of a key or of a certificate; on this machine in plain text too.
 */
final class Connection {
  private Connection() {}

  /** A connection as the environment says it. */
  static ManagedChannel open(Map<String, String> environment) throws IOException {
    String server = environment.getOrDefault("RECOUP_SERVER", "127.0.0.1:7700");
    return Grpc.newChannelBuilder(server, transport(environment))
        .intercept(MetadataUtils.newAttachHeadersInterceptor(caller(environment)))
        // A connection that died without a word is found within a minute and a half.
        .keepAliveTime(60, TimeUnit.SECONDS)
        .keepAliveTimeout(30, TimeUnit.SECONDS)
        .build();
  }

  /**
   * TLS where there is a root of the server's certificate. Its file is PEM, as are those of one's own certificate and
   * key (PKCS#8).
   */
  private static ChannelCredentials transport(Map<String, String> environment) throws IOException {
    if (!environment.containsKey("RECOUP_CA")) {
      return InsecureChannelCredentials.create();
    }
    var tls = TlsChannelCredentials.newBuilder().trustManager(new File(environment.get("RECOUP_CA")));
    if (environment.containsKey("RECOUP_CERT")) {
      tls.keyManager(new File(environment.get("RECOUP_CERT")), new File(environment.get("RECOUP_KEY")));
    }
    return tls.build();
  }

  /** What each call carries. Whoever shows a certificate needs no key; a key that is shown decides. */
  private static Metadata caller(Map<String, String> environment) {
    Metadata caller = new Metadata();
    String nobody = environment.containsKey("RECOUP_CERT") ? "" : "dev-ana";
    String key = environment.getOrDefault("RECOUP_TOKEN", nobody);
    if (!key.isEmpty()) {
      caller.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
    }
    return caller;
  }
}
