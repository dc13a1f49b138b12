//! What a library says of itself, and the settings that it is tried with.

use recoup_channel::wire::ChannelDescriptor;

use super::{Bench, Verdict};
use crate::{descriptor, settings};

pub(super) fn descriptor(descriptor: &ChannelDescriptor) -> Verdict {
    descriptor::check(descriptor).into()
}

pub(super) fn settings(bench: &Bench, descriptor: &ChannelDescriptor) -> Verdict {
    let spec = bench.spec_to(super::NOWHERE);
    let secrets: Vec<&str> = spec.secrets.keys().map(String::as_str).collect();
    // A schema that is none is the descriptor's affair.
    if descriptor::check(descriptor).is_err() {
        return Verdict::Skip("its descriptor has to be right first".to_owned());
    }
    settings::check(descriptor, &spec.config_json, &secrets).into()
}
