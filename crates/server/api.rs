//! The public contract `recoup.v1`: generated messages, clients and servers, and what the
//! contract says of each method.

/// Google's own messages that the contract uses.
pub mod google {
    /// `google.rpc`: the status of a row in an import.
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
    /// `google.type`: money and dates.
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}

/// The messages, clients and servers of recoup.
pub mod recoup {
    /// Version 1 of the contract.
    pub mod v1 {
        tonic::include_proto!("recoup.v1");
    }
}

/// The whole contract as an encoded `FileDescriptorSet`, with comments and options.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("recoup_descriptor");
