//! How messages of the contract are read: as prost does, after a look at how much a request would become. A list
//! entry of nothing takes two bytes on the wire and a hundred in memory, so the size on the wire alone bounds little.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::encoding::{WireType, decode_key, decode_varint};
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::api::recoup::v1::ErrorReason;
use crate::status::Problem;

/// How many fields a request has at most, those of its parts and every entry of a list counted: with the largest of
/// the contract's messages a few megabytes.
pub const FIELDS_MAX: usize = 16_384;
/// How deep parts of parts are looked at: deeper than the contract's messages go, and no deeper than prost reads.
const DEPTH_MAX: usize = 32;

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
        MeasuredDecoder(PhantomData)
    }
}

/// Reads one message.
#[derive(Debug)]
pub struct MeasuredDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for MeasuredDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = source.copy_to_bytes(source.remaining());
        // The same code reads the server's answers in clients, which may be as long as the server makes them.
        if U::NAME.ends_with("Request") {
            let mut left = FIELDS_MAX;
            count(bytes.clone(), &mut left, DEPTH_MAX).ok_or_else(too_many)?;
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

/// Takes the fields of what may be a message off what is `left`; none where they are more. What has a length may be
/// a part or a text: of a text that is no message by chance, what can be read as fields before it ends being one
/// counts, too, which is little.
fn count(mut bytes: Bytes, left: &mut usize, depth: usize) -> Option<()> {
    while bytes.has_remaining() {
        // Where it is no message prost stops as well.
        let Ok((_, kind)) = decode_key(&mut bytes) else {
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
                if depth > 0 {
                    count(part, left, depth - 1)?;
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

    fn is_taken(message: &impl Message) -> bool {
        count(
            message.encode_to_vec().into(),
            &mut FIELDS_MAX.clone(),
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
            assert_eq!(is_taken(&points(n)), taken, "{n}");
            let row = v1::ImportCasesRequest {
                borrower: Some(points(n)),
                ..v1::ImportCasesRequest::default()
            };
            assert_eq!(is_taken(&row), taken, "a row of {n}");
        }
    }

    #[test]
    fn a_group_before_the_entries_hides_none() {
        let mut bytes = vec![0x7b, 0x7c];
        bytes.extend([0x0a, 0x00].repeat(FIELDS_MAX + 1));
        assert!(count(bytes.into(), &mut FIELDS_MAX.clone(), DEPTH_MAX).is_none());
    }

    #[test]
    fn long_texts_and_what_is_cut_off_are_no_fields() {
        let text = v1::CheckPolicyRequest {
            yaml: "  - name: remind\n    enter: case.dpd >= 1\n".repeat(20_000),
            ..v1::CheckPolicyRequest::default()
        };
        assert!(is_taken(&text));
        for broken in [
            &[0x0a, 0xff][..],
            &[0x09, 1, 2],
            &[0x08],
            &[0xff; 12],
            &[0x06],
        ] {
            let left = &mut FIELDS_MAX.clone();
            assert!(count(Bytes::copy_from_slice(broken), left, DEPTH_MAX).is_some());
        }
    }
}
