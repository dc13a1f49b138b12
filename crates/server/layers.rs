//! What every call passes before its handler, in this order: is the method built, who calls, may they.
//! Deny by default: a path that the contract does not name is refused here.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use recoup_engine::activity::Activity;
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::api::recoup::v1::ErrorReason;
use crate::api::{self, Method};
use crate::config::{Config, Reflection};
use crate::identity::{Principal, Principals};
use crate::listen::Peer;
use crate::metrics::{Meters, streams};
use crate::places::{self, Places, Room};
use crate::status::{self, Problem};

/// What load balancers ask; it says nothing of any lender.
const HEALTH: &str = "/grpc.health.v1.";
/// What tools ask for the contract.
const REFLECTION: [&str; 2] = ["/grpc.reflection.v1.", "/grpc.reflection.v1alpha."];

/// What is read of a call that is refused, at most: bytes, and for how long.
const REFUSED_BODY_MAX: usize = 64 << 10;
const REFUSED_BODY_WAIT: Duration = Duration::from_millis(250);
/// The label of calls that are none of the contract: health, reflection, paths that somebody made up.
const OTHER: &str = "other";

/// Checks every call against the contract.
#[derive(Clone)]
pub struct Gatekeeper(Arc<Rules>);

struct Rules {
    methods: HashMap<String, Method>,
    principals: Principals,
    reflection: Reflection,
    /// Places of calls under way.
    calls: Room,
    /// Places of streams that are open: theirs for as long as they are, which may be days.
    streams: Room,
    activity: Activity,
    meters: Arc<Meters>,
    /// Each method's label, by its path.
    labels: HashMap<String, Arc<str>>,
    /// The label of what the contract does not name.
    unnamed: Arc<str>,
    /// How long a call may take to say what it asks.
    patience: Duration,
}

/// What a caller shows.
#[derive(Clone, Copy, Default)]
struct Shown<'a> {
    authorization: Option<&'a str>,
    peer: Option<&'a Peer>,
}

impl Gatekeeper {
    /// Rules of the contract, for these principals, within the configuration's limits. `activity` counts calls
    /// under way, so that a stepped clock does not move in the middle of one and the engine gives way to it; `meters` counts all for a monitor.
    ///
    /// # Errors
    /// Only where the contract's descriptors are broken, a fault of the build.
    pub fn new(
        principals: Principals,
        config: &Config,
        activity: Activity,
        meters: Arc<Meters>,
    ) -> Result<Self, prost_reflect::DescriptorError> {
        let methods: HashMap<String, Method> = api::methods()?
            .into_iter()
            .map(|m| (m.path.clone(), m))
            .collect();
        let label = |m: &Method| (m.path.clone(), format!("{}/{}", m.service, m.name).into());
        let limits = &config.limits;
        let room = |kind, all, share| Room::new(kind, all, principals.tenants(), share);
        let calls = room(
            "calls under way",
            limits.calls_max,
            config.tenant_calls_max(),
        );
        let streams = room(
            "streams open",
            limits.streams_max,
            config.tenant_streams_max(),
        );
        Ok(Self(Arc::new(Rules {
            labels: methods.values().map(label).collect(),
            unnamed: OTHER.into(),
            meters,
            methods,
            principals,
            reflection: config.reflection,
            patience: Duration::from_millis(limits.request_timeout_ms),
            calls,
            streams,
            activity,
        })))
    }
}

impl Rules {
    /// Who calls: a key that is shown decides, else the certificate.
    fn caller(&self, shown: Shown<'_>) -> Result<&Principal, Status> {
        let named = match (shown.authorization, shown.peer) {
            (Some(header), _) => self.principals.named_by(header),
            (None, Some(peer)) => self.principals.certified_by(&peer.names),
            (None, None) => None,
        };
        named.ok_or_else(|| {
            // What was shown is all that is told: nothing of which keys there are.
            let problem = match shown.authorization {
                Some(_) => {
                    "the key that you show is not known here: metadata `authorization: Bearer <key>` takes a key of \
                     the server's configuration (on the command line: RECOUP_TOKEN or --token)"
                }
                None => {
                    "say who you are: metadata `authorization: Bearer <key>` with a key that the server's \
                     configuration knows (on the command line: RECOUP_TOKEN or --token), or a client certificate \
                     with a name that it knows"
                }
            };
            Problem::new(ErrorReason::Unauthenticated, problem).into()
        })
    }

    /// How a path is called where it is counted: callers make up paths, so only those of the contract have names.
    fn label(&self, path: &str) -> Arc<str> {
        Arc::clone(self.labels.get(path).unwrap_or(&self.unnamed))
    }

    /// Whether a path answers with a stream.
    fn streams(&self, path: &str) -> bool {
        self.methods.get(path).is_some_and(|m| m.streams)
    }

    /// Whether a path is a call that changes something.
    fn changes(&self, path: &str) -> bool {
        let method = self.methods.get(path);
        method.is_some_and(|m| m.mutation && !m.streams)
    }

    /// A place among the calls under way on the caller's connection, of its lender and on the server, if there is
    /// one left in each; and one among the open streams for a call that answers with one.
    fn begin(
        &self,
        peer: Option<&Peer>,
        who: Option<&Principal>,
        streams: bool,
    ) -> Result<(CallPlaces, Option<Places>), Status> {
        let own = match peer {
            Some(peer) => Some(places::place(
                &peer.room,
                "your connection",
                self.calls.kind(),
            )?),
            None => None,
        };
        let call = CallPlaces {
            _own: own,
            _all: self.calls.place(who)?,
        };
        let stream = streams.then(|| self.streams.place(who)).transpose()?;
        Ok((call, stream))
    }

    /// Who calls, where it is somebody who may.
    fn admit(&self, path: &str, shown: Shown<'_>) -> Result<Option<Principal>, Status> {
        if path.starts_with(HEALTH) {
            return Ok(None);
        }
        if REFLECTION.iter().any(|open| path.starts_with(open)) {
            let is_near = shown
                .peer
                .is_none_or(|peer| peer.address.ip().is_loopback());
            if self.reflection == Reflection::Authenticated || !is_near {
                self.caller(shown)?;
            }
            if self.reflection == Reflection::Loopback && !is_near {
                let problem = "the server tells its contract to callers on its own machine alone";
                return Err(Problem::new(ErrorReason::NotBuilt, problem)
                    .with("value", path)
                    .into());
            }
            return Ok(None);
        }
        let Some(method) = self.methods.get(path) else {
            let problem = format!("recoup.v1 has no method {path}");
            return Err(Problem::new(ErrorReason::NotBuilt, problem)
                .with("value", path)
                .into());
        };
        let principal = self.caller(shown)?;
        if !principal.may(&method.roles) {
            let needed: Vec<&str> = method.roles.iter().map(|r| r.as_str_name()).collect();
            let problem = format!(
                "{} has none of the roles of {}",
                principal.name, method.name
            );
            return Err(Problem::new(ErrorReason::RoleMissing, problem)
                .with("principal", &principal.name)
                .with("limit", needed.join(", "))
                .into());
        }
        if method.preview {
            let problem = format!("{} is part of the contract and not built yet", method.name);
            return Err(Problem::new(ErrorReason::NotBuilt, problem)
                .with("value", path)
                .into());
        }
        Ok(Some(principal.clone()))
    }
}

/// What a call holds while it is under way.
struct CallPlaces {
    _own: Option<OwnedSemaphorePermit>,
    _all: Places,
}

impl<S> Layer<S> for Gatekeeper {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            rules: Arc::clone(&self.0),
            inner,
        }
    }
}

/// A service behind the gatekeeper.
#[derive(Clone)]
pub struct Guarded<S> {
    rules: Arc<Rules>,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let header = request.headers().get("authorization");
        let shown = Shown {
            // A header that is no text is a key that nobody has.
            authorization: header.map(|h| h.to_str().unwrap_or_default()),
            peer: request.extensions().get::<Peer>(),
        };
        let path = request.uri().path();
        let label = self.rules.label(path);
        let meter = self.rules.meters.call(Arc::clone(&label));
        let stream = self.rules.streams(path).then_some(label);
        let changes = self.rules.changes(path);
        let meters = Arc::clone(&self.rules.meters);
        let admitted = self.rules.admit(path, shown);
        let begin = |who: Option<Principal>| {
            let places = self
                .rules
                .begin(shown.peer, who.as_ref(), stream.is_some())?;
            Ok((who, places))
        };
        match admitted.and_then(begin) {
            Err(status) => Box::pin(async move {
                drain(request.into_body()).await;
                meter.answered(status.code());
                Ok(status.into_http())
            }),
            Ok((principal, (places, seat))) => {
                request
                    .extensions_mut()
                    .extend(principal.map(extension).unwrap_or_default());
                // The instance that was polled ready serves; its clone waits for the next call.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let work = self.rules.activity.begin();
                let waited = stream.is_none().then(|| self.rules.activity.begin_call());
                if changes {
                    // Its time-out ends the caller's wait, and not the change: nobody else ends this one.
                    let patience = self.rules.patience;
                    request = request.map(|body| in_time(body, patience));
                }
                let call = async move {
                    let response = inner.call(request).await;
                    drop((work, waited, places));
                    response
                };
                Box::pin(async move {
                    let response = if changes {
                        to_its_end(call).await
                    } else {
                        call.await
                    };
                    let response = response.map(with_details)?;
                    let code = code_of(&response);
                    meter.answered(code);
                    Ok(match stream {
                        Some(method) if code == Code::Ok => {
                            response.map(|body| streams::watched(body, meters, method, seat))
                        }
                        _ => response,
                    })
                })
            }
        }
    }
}

/// A change goes to its end, with all that follows from it, also where its caller is gone or waits no longer: what
/// the store has committed must reach its channel, and be called off there.
async fn to_its_end<E: Send + 'static>(
    call: impl Future<Output = Result<Response<Body>, E>> + Send + 'static,
) -> Result<Response<Body>, E> {
    match tokio::spawn(call).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and everything with it.
            Err(_) => Ok(status::not_serving().into_http()),
        },
    }
}

/// A body that fails where it has not come to its end in time: whoever begins a change and never says which one must
/// not keep its place, nor hold up a stop.
fn in_time(body: Body, patience: Duration) -> Body {
    let until = tokio::time::Instant::now() + patience;
    let frames = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(frame) => Some((frame?, Some(body))),
            Err(_) => {
                let late = Status::deadline_exceeded("the request did not come to its end in time");
                Some((Err(late), None))
            }
        }
    });
    Body::new(StreamBody::new(frames))
}

/// Reads what a refused caller still sends, a little of it and not for long. A stream that is answered before its
/// end has to be reset, and so many resets end the connection with all that is well on it.
async fn drain(mut body: Body) {
    let read = async {
        let mut left = REFUSED_BODY_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, bytes::Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whoever is slower than that is reset.
    let _ = tokio::time::timeout(REFUSED_BODY_WAIT, read).await;
}

/// The code of an answer; what comes after the first message of a stream is not seen here.
fn code_of(response: &Response<Body>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

fn extension(principal: Principal) -> tonic::codegen::http::Extensions {
    let mut extensions = tonic::codegen::http::Extensions::new();
    extensions.insert(principal);
    extensions
}

/// Refusals of the transport itself come without details and some with the wrong code.
fn with_details(response: Response<Body>) -> Response<Body> {
    let refused = Status::from_header_map(response.headers());
    match refused.and_then(|status| status::of_transport(&status)) {
        Some(status) => status.into_http(),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_roles;
    use tokio::sync::Semaphore;
    use tonic::Code;
    use tonic_types::StatusExt;

    fn rules(config: &Config) -> Arc<Rules> {
        let principals = Principals::of(config).expect("principals");
        Gatekeeper::new(principals, config, Activity::default(), Arc::default())
            .expect("the contract")
            .0
    }

    fn ana() -> Shown<'static> {
        Shown {
            authorization: Some("Bearer dev-ana"),
            peer: None,
        }
    }

    fn reason(status: &Status) -> String {
        status
            .get_error_details()
            .error_info()
            .expect("an ErrorInfo")
            .reason
            .clone()
    }

    #[test]
    fn nobody_may_call_anything() {
        let rules = rules(&Config::default());
        for path in rules.methods.keys() {
            let status = rules.admit(path, Shown::default()).expect_err(path);
            assert_eq!(reason(&status), "UNAUTHENTICATED", "{path}");
        }
    }

    #[tokio::test]
    async fn a_change_goes_to_its_end_without_its_caller_and_a_read_does_not() {
        for (path, ends) in [
            ("/recoup.v1.CaseService/RecordPayment", true),
            ("/recoup.v1.CaseService/GetCase", false),
        ] {
            let (committed, commit) = tokio::sync::watch::channel(false);
            let (followed, mut follows) = tokio::sync::mpsc::channel(1);
            let inner = tower::service_fn(move |_: Request<Body>| {
                let (mut commit, followed) = (commit.clone(), followed.clone());
                async move {
                    let _ = commit.wait_for(|done| *done).await;
                    let _ = followed.send(()).await;
                    Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
                }
            });
            let mut service = Gatekeeper(rules(&Config::default())).layer(inner);
            let request = Request::builder()
                .uri(path)
                .header("authorization", "Bearer dev-ana")
                .body(Body::empty())
                .expect("a request");
            let mut call = service.call(request);
            let once = |cx: &mut Context<'_>| Poll::Ready(call.as_mut().poll(cx).is_pending());
            assert!(std::future::poll_fn(once).await);
            tokio::task::yield_now().await;
            // The caller hangs up while the store commits.
            drop((call, service));
            committed.send_replace(true);
            assert_eq!(follows.recv().await.is_some(), ends, "{path}");
        }
    }

    #[test]
    fn every_method_answers_its_roles_alone() {
        for role in [
            "lender",
            "agent",
            "strategist",
            "compliance",
            "operator",
            "auditor",
        ] {
            let mut config = Config::default();
            config.dev_principal.truncate(1);
            config.dev_principal[0].roles = vec![role.to_owned()];
            let rules = rules(&config);
            let held = read_roles("", &config.dev_principal[0].roles).expect("a role");
            for method in rules.methods.values() {
                let admitted = rules.admit(&method.path, ana());
                let expected = if !method.roles.iter().any(|r| held.contains(r)) {
                    Some("ROLE_MISSING")
                } else if method.preview {
                    Some("NOT_BUILT")
                } else {
                    None
                };
                let found = admitted.err().map(|s| reason(&s));
                assert_eq!(found.as_deref(), expected, "{role} {}", method.path);
            }
        }
    }

    #[test]
    fn unknown_paths_are_refused_and_health_is_open() {
        let rules = rules(&Config::default());
        let status = rules
            .admit("/recoup.v1.CaseService/Destroy", ana())
            .expect_err("unknown");
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unimplemented, "NOT_BUILT")
        );
        let health = rules.admit("/grpc.health.v1.Health/Check", Shown::default());
        assert!(health.is_ok());
    }

    #[test]
    fn reflection_answers_whom_the_configuration_says() {
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let peer = |address: &str| Peer {
            address: address.parse().expect("an address"),
            names: Arc::new([]),
            room: Arc::new(Semaphore::new(1)),
        };
        let (near, far) = (peer("127.0.0.1:9"), peer("192.0.2.7:9"));
        let named = |peer| Shown {
            peer: Some(peer),
            ..ana()
        };
        let nameless = |peer| Shown {
            peer: Some(peer),
            authorization: None,
        };
        for (reflection, shown, is_told) in [
            (Reflection::Loopback, nameless(&near), true),
            (Reflection::Loopback, nameless(&far), false),
            (Reflection::Loopback, named(&far), false),
            (Reflection::Authenticated, nameless(&near), false),
            (Reflection::Authenticated, nameless(&far), false),
            (Reflection::Authenticated, named(&far), true),
        ] {
            let config = Config {
                reflection,
                ..Config::default()
            };
            let answer = rules(&config).admit(path, shown);
            assert_eq!(answer.is_ok(), is_told, "{reflection:?}");
        }
    }

    #[test]
    fn past_the_limit_a_call_is_told_to_come_again() {
        let mut config = Config::default();
        config.limits.calls_max = 1;
        let rules = rules(&config);
        let held = rules.begin(None, None, false).expect("the first");
        let status = rules.begin(None, None, false).err().expect("the second");
        assert_eq!(reason(&status), "TOO_MANY_REQUESTS");
        assert!(status.get_error_details().retry_info().is_some());
        drop(held);
        assert!(rules.begin(None, None, false).is_ok());
        let peer = Peer {
            address: "127.0.0.1:9".parse().expect("an address"),
            names: Arc::new([]),
            room: Arc::new(Semaphore::new(0)),
        };
        let status = rules
            .begin(Some(&peer), None, false)
            .err()
            .expect("its connection");
        assert_eq!(reason(&status), "TOO_MANY_REQUESTS");
        assert!(rules.begin(None, None, false).is_ok(), "others go on");
    }

    #[test]
    fn a_lender_that_fills_its_share_leaves_the_rest_to_the_others() {
        let text = "[limits]\ncalls_max = 4\n[[tenant]]\nid = \"a\"\ndisplay_name = \"A\"\n\
            [[tenant]]\nid = \"b\"\ndisplay_name = \"B\"\n\
            [[dev_principal]]\nname = \"ana\"\ntoken = \"dev-ana\"\ntenant = \"a\"\nroles = [\"all\"]\n\
            [[dev_principal]]\nname = \"ben\"\ntoken = \"dev-ben\"\ntenant = \"b\"\nroles = [\"all\"]\n";
        let config = Config::parse(text, std::path::Path::new("x.toml")).expect("a configuration");
        let rules = rules(&config);
        let who = |header: &str| rules.principals.named_by(header).cloned();
        let (ana, ben) = (who("Bearer dev-ana"), who("Bearer dev-ben"));
        let mut held: Vec<_> = (0..2)
            .map(|_| {
                rules
                    .begin(None, ana.as_ref(), false)
                    .expect("within her share")
            })
            .collect();
        let status = rules
            .begin(None, ana.as_ref(), false)
            .err()
            .expect("past it");
        assert_eq!(reason(&status), "TOO_MANY_REQUESTS");
        assert!(status.message().starts_with("your lender"), "{status:?}");
        assert!(
            rules.begin(None, ben.as_ref(), false).is_ok(),
            "others go on"
        );
        held.pop();
        assert!(
            rules.begin(None, ana.as_ref(), false).is_ok(),
            "a place came back"
        );
    }

    #[test]
    fn a_shown_key_decides_over_the_certificate() {
        let rules = rules(&Config::default());
        let peer = Peer {
            address: "127.0.0.1:9".parse().expect("an address"),
            names: Arc::new(["core.example".to_owned()]),
            room: Arc::new(Semaphore::new(1)),
        };
        let wrong = Shown {
            authorization: Some("Bearer no-such-key"),
            peer: Some(&peer),
        };
        let status = rules.caller(wrong).expect_err("a wrong key");
        assert_eq!(reason(&status), "UNAUTHENTICATED");
    }
}
