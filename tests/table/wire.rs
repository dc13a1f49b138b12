//! Calls by path with bytes: what is sent is what a test made, and nothing of the generated clients is
//! between.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut};
use recoup::api::google::rpc;
use recoup::api::recoup::v1;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// How long a call may take before it counts as hung.
const HANG: Duration = Duration::from_secs(20);

/// A connection that anybody may call over.
#[derive(Clone)]
pub(crate) struct Wire(Channel);

impl Wire {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        Self(endpoint.connect_lazy())
    }

    /// The first answer to one message; empty where a stream ends without any.
    pub(crate) async fn call(
        &self,
        path: &str,
        token: Option<&str>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let answered = tokio::time::timeout(HANG, self.first(path, token, message)).await;
        let answer = answered.unwrap_or_else(|_| Err(Status::cancelled("the call hangs")))?;
        match path.ends_with("/ImportCases") {
            true => row(answer),
            false => Ok(answer),
        }
    }

    async fn first(
        &self,
        path: &str,
        token: Option<&str>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        grpc.ready().await.expect("the connection");
        let mut request = Request::new(tokio_stream::iter([message]));
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().expect("a header");
            request.metadata_mut().insert("authorization", bearer);
        }
        let path = PathAndQuery::try_from(path).expect("a path");
        let mut answers = grpc.streaming(request, path, Plain).await?.into_inner();
        Ok(answers.message().await?.unwrap_or_default())
    }
}

/// The answer to a row of an import; its error as that of any call.
fn row(answer: Vec<u8>) -> Result<Vec<u8>, Status> {
    use prost::Message;
    use v1::import_cases_response::Result as Row;
    let read = v1::ImportCasesResponse::decode(&answer[..]).expect("an answer to a row");
    let Some(Row::Error(error)) = read.result else {
        return Ok(answer);
    };
    let details = rpc::Status::encode_to_vec(&error);
    let code = Code::from_i32(error.code);
    Err(Status::with_details(code, error.message, details.into()))
}

/// Bytes as they are.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; from.remaining()];
        from.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
