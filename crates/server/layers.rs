//! What every call passes before its handler, in this order: is the method built, who calls, may they.
//! Deny by default: a path that the contract does not name is refused here.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use recoup_engine::activity::Activity;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::api::recoup::v1::ErrorReason;
use crate::api::{self, Method};
use crate::identity::{Principal, Principals};
use crate::status::Problem;

/// Paths that say nothing of any lender: health for load balancers, reflection for tools.
const OPEN: [&str; 3] = [
    "/grpc.health.v1.",
    "/grpc.reflection.v1.",
    "/grpc.reflection.v1alpha.",
];

/// Checks every call against the contract.
#[derive(Clone)]
pub struct Gatekeeper(Arc<Rules>);

struct Rules {
    methods: HashMap<String, Method>,
    principals: Principals,
    activity: Activity,
}

impl Gatekeeper {
    /// Rules of the contract, for these principals. `activity` counts calls under way, so that a
    /// stepped clock does not move in the middle of one.
    ///
    /// # Errors
    /// Only where the contract's descriptors are broken, a fault of the build.
    pub fn new(
        principals: Principals,
        activity: Activity,
    ) -> Result<Self, prost_reflect::DescriptorError> {
        let methods = api::methods()?
            .into_iter()
            .map(|m| (m.path.clone(), m))
            .collect();
        Ok(Self(Arc::new(Rules {
            methods,
            principals,
            activity,
        })))
    }
}

impl Rules {
    /// Who calls, where it is somebody who may.
    fn admit(&self, path: &str, authorization: Option<&str>) -> Result<Option<Principal>, Status> {
        if OPEN.iter().any(|open| path.starts_with(open)) {
            return Ok(None);
        }
        let Some(method) = self.methods.get(path) else {
            let problem = format!("recoup.v1 has no method {path}");
            return Err(Problem::new(ErrorReason::NotBuilt, problem)
                .with("value", path)
                .into());
        };
        let principal = authorization.and_then(|header| self.principals.named_by(header));
        let Some(principal) = principal else {
            let problem = "say who you are: metadata `authorization: Bearer <token>`, with a token \
                           that the server's configuration knows";
            return Err(Problem::new(ErrorReason::Unauthenticated, problem).into());
        };
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
        let header = request
            .headers()
            .get("authorization")
            .and_then(|h| h.to_str().ok());
        match self.rules.admit(request.uri().path(), header) {
            Err(status) => Box::pin(std::future::ready(Ok(status.into_http()))),
            Ok(principal) => {
                request
                    .extensions_mut()
                    .extend(principal.map(extension).unwrap_or_default());
                // The instance that was polled ready serves; its clone waits for the next call.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let work = self.rules.activity.begin();
                Box::pin(async move {
                    let response = inner.call(request).await;
                    drop(work);
                    response.map(with_details)
                })
            }
        }
    }
}

fn extension(principal: Principal) -> tonic::codegen::http::Extensions {
    let mut extensions = tonic::codegen::http::Extensions::new();
    extensions.insert(principal);
    extensions
}

/// Refusals of the transport itself come without details and some with the wrong code: a message that
/// does not decode is the caller's mistake.
fn with_details(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if !status.details().is_empty() {
        return response;
    }
    let message = status.message().to_owned();
    let problem = match status.code() {
        Code::OutOfRange => Problem::new(ErrorReason::MessageTooLarge, message),
        Code::ResourceExhausted => Problem::new(ErrorReason::TooManyRequests, message)
            .retry(std::time::Duration::from_secs(1)),
        Code::Internal if message.contains("decode") => Problem::new(
            ErrorReason::FieldInvalid,
            "the message is not one of the contract",
        ),
        _ => return response,
    };
    Status::from(problem).into_http()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use tonic_types::StatusExt;

    fn rules(config: &Config) -> Arc<Rules> {
        let principals = Principals::of(config).expect("principals");
        Gatekeeper::new(principals, Activity::default())
            .expect("the contract")
            .0
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
            let status = rules.admit(path, None).expect_err(path);
            assert_eq!(reason(&status), "UNAUTHENTICATED", "{path}");
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
            let held = config.dev_principal[0].read_roles().expect("a role");
            for method in rules.methods.values() {
                let admitted = rules.admit(&method.path, Some("Bearer dev-ana"));
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
        let token = Some("Bearer dev-ana");
        let status = rules
            .admit("/recoup.v1.CaseService/Destroy", token)
            .expect_err("unknown");
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unimplemented, "NOT_BUILT")
        );
        assert!(rules.admit("/grpc.health.v1.Health/Check", None).is_ok());
    }
}
