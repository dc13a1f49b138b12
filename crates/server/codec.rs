//! How messages of the contract are read: as prost does, after a look at how much a request would become. A list
//! entry of nothing takes two bytes on the wire and a hundred in memory, so the size on the wire alone bounds little.

use std::marker::PhantomData;
use std::sync::LazyLock;

use bytes::{Buf, Bytes};
use prost::encoding::{WireType, decode_key, decode_varint};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::api::FILE_DESCRIPTOR_SET;
use crate::api::recoup::v1::ErrorReason;
use crate::status::Problem;

/// How many fields a request has at most, those of its parts and every entry of a list counted: with the largest of
/// the contract's messages a few megabytes.
pub const FIELDS_MAX: usize = 16_384;
/// How deep parts of parts are looked at: prost reads none that lie deeper.
const DEPTH_MAX: usize = 100;

/// The contract. A server whose contract cannot be read does not start.
static CONTRACT: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

/// Writes as prost does; reads requests after a look at them, and answers as prost does.
#[derive(Debug)]
pub struct Measured<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Measured<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Measured<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = MeasuredDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        // The same code reads the server's answers in clients, which may be as long as the server makes them.
        let is_asked = U::NAME.ends_with("Request");
        let contract = CONTRACT.as_ref().filter(|_| is_asked);
        MeasuredDecoder {
            measured: contract.and_then(|all| all.get_message_by_name(&U::full_name())),
            message: PhantomData,
        }
    }
}

/// Reads one message.
#[derive(Debug)]
pub struct MeasuredDecoder<U> {
    /// What it is, where its fields are counted.
    measured: Option<MessageDescriptor>,
    message: PhantomData<U>,
}

impl<U: Message + Name + Default> Decoder for MeasuredDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = source.copy_to_bytes(source.remaining());
        if let Some(is) = &self.measured {
            let mut left = FIELDS_MAX;
            count(bytes.clone(), is, &mut left, DEPTH_MAX).ok_or_else(too_many)?;
        }
        let message = U::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(message))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

fn too_many() -> Status {
    let problem = format!(
        "the request has more than {FIELDS_MAX} fields, each entry of a list and the fields of its parts counted: ask \
         for less at a time"
    );
    Problem::new(ErrorReason::MessageTooLarge, problem)
        .with("limit", FIELDS_MAX.to_string())
        .into()
}

/// Takes the fields of a message and of its parts off what is `left`; none where they are more. Where it is no message
/// that can be read prost stops as well.
fn count(mut bytes: Bytes, is: &MessageDescriptor, left: &mut usize, depth: usize) -> Option<()> {
    while bytes.has_remaining() {
        let Ok((number, kind)) = decode_key(&mut bytes) else {
            return Some(());
        };
        *left = left.checked_sub(1)?;
        let length = match kind {
            WireType::Varint => match decode_varint(&mut bytes) {
                Ok(_) => 0,
                Err(_) => return Some(()),
            },
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            // What is in a group stands behind its beginning like all else.
            WireType::StartGroup | WireType::EndGroup => 0,
            WireType::LengthDelimited => {
                let Some(part) = part(&mut bytes) else {
                    return Some(());
                };
                let field = is.get_field(number).map(|field| field.kind());
                if let (Some(Kind::Message(is)), 1..) = (field, depth) {
                    count(part, &is, left, depth - 1)?;
                }
                0
            }
        };
        if bytes.remaining() < length {
            return Some(());
        }
        bytes.advance(length);
    }
    Some(())
}

/// What follows with its length before it; none where it is cut off.
fn part(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
    (length <= bytes.remaining()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::recoup::v1;

    fn is_taken<M: Message + Name>(bytes: &[u8]) -> bool {
        let contract = CONTRACT.as_ref().expect("the contract");
        let is = contract.get_message_by_name(&M::full_name());
        let bytes = Bytes::copy_from_slice(bytes);
        count(
            bytes,
            &is.expect("a message of it"),
            &mut { FIELDS_MAX },
            DEPTH_MAX,
        )
        .is_some()
    }

    #[test]
    fn entries_of_nothing_are_counted_wherever_they_are() {
        let points = |n| v1::Party {
            contact_points: vec![v1::ContactPoint::default(); n],
            ..v1::Party::default()
        };
        for (n, taken) in [(1_000, true), (FIELDS_MAX + 1, false)] {
            let party = points(n);
            assert_eq!(is_taken::<v1::Party>(&party.encode_to_vec()), taken, "{n}");
            let row = v1::ImportCasesRequest {
                borrower: Some(party),
                ..v1::ImportCasesRequest::default()
            };
            let bytes = row.encode_to_vec();
            assert_eq!(is_taken::<v1::ImportCasesRequest>(&bytes), taken, "{n}");
        }
    }

    #[test]
    fn a_group_before_the_entries_hides_none() {
        let mut bytes = vec![0xfb, 0x07, 0xfc, 0x07];
        bytes.extend([0x0a, 0x00].repeat(FIELDS_MAX + 1));
        assert!(!is_taken::<v1::Party>(&bytes));
    }

    #[test]
    fn a_long_text_is_one_field_whatever_it_says() {
        for text in [
            "x",
            " ",
            "  - name: remind\n    enter: case.dpd >= 1\n",
            "\n\0",
        ] {
            let request = v1::CheckPolicyRequest {
                yaml: text.repeat(100_000),
                ..v1::CheckPolicyRequest::default()
            };
            assert!(is_taken::<v1::CheckPolicyRequest>(&request.encode_to_vec()));
        }
    }

    #[test]
    fn what_is_cut_off_is_left_to_whoever_reads_it() {
        for broken in [
            &[0x0a, 0xff][..],
            &[0x09, 1, 2],
            &[0x08],
            &[0xff; 12],
            &[0x06],
        ] {
            assert!(is_taken::<v1::Party>(broken));
        }
    }

    #[test]
    fn every_request_of_the_contract_is_measured() {
        let methods = CONTRACT.iter().flat_map(|all| all.services());
        let methods = methods.flat_map(|service| service.methods().collect::<Vec<_>>());
        let own: Vec<_> = methods
            .filter(|m| m.full_name().starts_with("recoup.v1."))
            .collect();
        assert!(own.len() > 50);
        for method in own {
            let (input, output) = (method.input(), method.output());
            assert!(input.name().ends_with("Request"), "{}", input.name());
            assert!(!output.name().ends_with("Request"), "{}", output.name());
        }
    }
}
