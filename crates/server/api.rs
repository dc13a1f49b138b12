//! The public contract `recoup.v1`: generated messages, clients and servers, and what the
//! contract says of each method.

use prost_reflect::{DescriptorError, DescriptorPool, MethodDescriptor, Value};

use recoup::v1::Role;

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
    #[expect(
        clippy::large_enum_variant,
        reason = "generated; a request is built once and moved"
    )]
    pub mod v1 {
        tonic::include_proto!("recoup.v1");
    }
}

/// The whole contract as an encoded `FileDescriptorSet`, with comments and options.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("recoup_descriptor");

/// What the contract says of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Path of the request, such as `/recoup.v1.CaseService/OpenCase`.
    pub path: String,
    /// Name of the service without its package, such as `CaseService`.
    pub service: String,
    /// Name of the method, such as `OpenCase`.
    pub name: String,
    /// The roles that may call it. Empty = nobody.
    pub roles: Vec<Role>,
    /// True where it answers with a stream.
    pub streams: bool,
    /// True while it is not built and answers UNIMPLEMENTED.
    pub preview: bool,
    /// True where its request carries a `request_id`: the method changes something.
    pub mutation: bool,
}

/// Every method of `recoup.v1`, in the order of the descriptor set.
///
/// # Errors
/// Fails only if [`FILE_DESCRIPTOR_SET`] is broken, which would be a fault of the build.
pub fn methods() -> Result<Vec<Method>, DescriptorError> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
    let services = pool
        .services()
        .filter(|service| service.package_name() == "recoup.v1");
    Ok(services
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| describe(&pool, &method))
        .collect())
}

fn describe(pool: &DescriptorPool, method: &MethodDescriptor) -> Method {
    let service = method.parent_service();
    Method {
        path: format!("/{}/{}", service.full_name(), method.name()),
        service: service.name().to_owned(),
        name: method.name().to_owned(),
        roles: match option(pool, method, "recoup.v1.role") {
            Some(Value::List(roles)) => roles.iter().filter_map(role).collect(),
            _ => Vec::new(),
        },
        streams: method.is_server_streaming(),
        preview: option(pool, method, "recoup.v1.preview") == Some(Value::Bool(true)),
        mutation: method.input().get_field_by_name("request_id").is_some(),
    }
}

/// The value of a method option. None where the contract does not know the option.
fn option(pool: &DescriptorPool, method: &MethodDescriptor, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(name)?;
    Some(method.options().get_extension(&extension).into_owned())
}

/// The role of a value, but for the one that denies.
fn role(value: &Value) -> Option<Role> {
    Role::try_from(value.as_enum_number()?)
        .ok()
        .filter(|role| *role != Role::Unspecified)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every method of the contract, a line a service. Names are fixed: none may go.
    const CONTRACT: &[(&str, &str)] = &[
        (
            "CaseService",
            "OpenCase ImportCases GetCase ListCases UpdateCaseFacts RecordPayment ReversePayment \
             AddDocument HoldCase ReleaseHold RaiseDispute ResolveDispute FileComplaint \
             ResolveComplaint CloseCase GetTimeline ExplainCase",
        ),
        (
            "BorrowerService",
            "UpsertBorrower GetBorrower RecordConsent WithdrawConsent RecordOptOut WithdrawOptOut \
             RecordCease RecordAttorney RecordCircumstance DeclareHardship EraseBorrower \
             ExportBorrower",
        ),
        (
            "ArrangementService",
            "RecordPromise ProposePlan AcceptPlan CancelPlan GrantExtension RequestWaiver \
             DecideWaiver OfferSettlement AcceptSettlement ListArrangements",
        ),
        (
            "PolicyService",
            "CheckPolicy CreatePolicy ActivatePolicy GetPolicy ListPolicies DiffPolicies \
             SimulatePolicy MigrateCases RegisterTemplate ListTemplates PreviewTemplate",
        ),
        (
            "ComplianceService",
            "ListPacks PreviewPacks ProposeOverride ApproveOverride RevokeOverride ListOverrides",
        ),
        (
            "ContactService",
            "PreviewContact RequestContact ApproveContact CancelContact GetContact ListContacts \
             ReportOutcome ResolveUnknown",
        ),
        ("CollectorService", "UpsertCollector ListCollectors"),
        (
            "ChannelService",
            "ListChannels StageChannel SwapChannel RollbackChannel DrainChannel ProbeChannel",
        ),
        ("EventService", "WatchEvents"),
        ("ReportService", "GetPortfolioReport GetWorklist"),
        (
            "AuditService",
            "ExportEvidence ExportLedger ReplayDecisions GetCheckpoint GetConsistencyProof",
        ),
        (
            "AdminService",
            "PauseDispatch ResumeDispatch GetStatus AcceptClock BackupStore ConfirmReconciled",
        ),
    ];

    /// The methods that work. One that is built leaves `preview` and comes here.
    const BUILT: &str = "StageChannel SwapChannel RollbackChannel DrainChannel ProbeChannel \
        OpenCase ImportCases GetCase ListCases UpdateCaseFacts RecordPayment \
        AddDocument CloseCase GetTimeline ExplainCase UpsertBorrower GetBorrower RecordOptOut \
        RecordCease RecordPromise CreatePolicy ActivatePolicy GetPolicy CheckPolicy \
        RegisterTemplate PreviewContact ApproveContact CancelContact GetContact ListContacts \
        ReportOutcome UpsertCollector ListChannels WatchEvents ExportLedger PauseDispatch \
        ResumeDispatch GetStatus HoldCase ReleaseHold ReversePayment RaiseDispute ResolveDispute \
        FileComplaint ResolveComplaint RecordConsent WithdrawConsent WithdrawOptOut \
        RecordAttorney RecordCircumstance DeclareHardship RequestContact ResolveUnknown \
        ListCollectors ListPolicies ListTemplates SimulatePolicy GetWorklist ListPacks PreviewPacks ProposeOverride \
         ApproveOverride RevokeOverride ListOverrides DiffPolicies MigrateCases \
         PreviewTemplate ReplayDecisions AcceptClock BackupStore ConfirmReconciled";

    /// How the names of methods that change nothing begin.
    const READS: &[&str] = &[
        "Get", "List", "Explain", "Check", "Diff", "Simulate", "Replay", "Preview", "Watch",
        "Export",
    ];

    fn contract() -> Vec<Method> {
        methods().expect("the descriptor set decodes")
    }

    #[test]
    fn every_method_of_the_contract_exists_and_no_other() {
        let expected: BTreeSet<String> = CONTRACT
            .iter()
            .flat_map(|(service, names)| {
                names
                    .split_whitespace()
                    .map(move |name| format!("/recoup.v1.{service}/{name}"))
            })
            .collect();
        let found: BTreeSet<String> = contract().into_iter().map(|method| method.path).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn exactly_the_built_methods_lack_preview() {
        let built: BTreeSet<&str> = BUILT.split_whitespace().collect();
        let all = contract();
        let stable: BTreeSet<&str> = all
            .iter()
            .filter(|method| !method.preview)
            .map(|method| &*method.name)
            .collect();
        assert_eq!(stable, built);
    }

    #[test]
    fn every_method_names_a_role() {
        for method in contract() {
            assert!(!method.roles.is_empty(), "{} lists no role", method.path);
            let distinct: BTreeSet<i32> = method.roles.iter().map(|role| *role as i32).collect();
            assert_eq!(
                distinct.len(),
                method.roles.len(),
                "{} repeats a role",
                method.path
            );
        }
    }

    #[test]
    fn an_auditor_changes_nothing() {
        for method in contract() {
            let both = method.mutation && method.roles.contains(&Role::Auditor);
            assert!(!both, "{} lets an auditor change something", method.path);
        }
    }

    #[test]
    fn every_mutation_carries_a_request_id_as_its_first_field() {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("decodes");
        for method in contract() {
            let reads = READS.iter().any(|prefix| method.name.starts_with(prefix));
            assert_eq!(method.mutation, !reads, "{}", method.path);
            if method.mutation {
                let request = pool
                    .get_message_by_name(&format!("recoup.v1.{}Request", method.name))
                    .expect("a request of the method's name");
                let field = request.get_field(1).expect("a first field");
                assert_eq!(field.name(), "request_id", "{}", method.path);
            }
        }
    }

    #[test]
    fn streams_go_where_the_contract_says() {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("decodes");
        let streams = |pick: fn(&MethodDescriptor) -> bool| -> BTreeSet<String> {
            pool.services()
                .flat_map(|service| service.methods().collect::<Vec<_>>())
                .filter(pick)
                .map(|method| method.name().to_owned())
                .collect()
        };
        let set = |names: &str| names.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(
            streams(MethodDescriptor::is_client_streaming),
            set("ImportCases")
        );
        assert_eq!(
            streams(MethodDescriptor::is_server_streaming),
            set(
                "ImportCases SimulatePolicy WatchEvents ExportLedger ExportEvidence ExportBorrower \
                 PreviewPacks ReplayDecisions"
            )
        );
    }
}
