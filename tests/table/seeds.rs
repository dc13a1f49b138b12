//! One valid request a method, and one more for each arm of a oneof that the first leaves out.
//!
//! `$name` is filled in by `stage.rs`: `$request` a request id, `$n` a number, each new with every use;
//! `$case`, `$party`, `$ref`, `$case_ref` and `$point` a quiet case of this method alone; `$taken` what the
//! call before answered; the rest what the stage holds.

/// A valid request.
pub(crate) struct Seed {
    pub(crate) method: &'static str,
    /// What another person calls before, and the field of its answer that `$taken` stands for.
    pub(crate) before: Option<Before>,
    pub(crate) json: &'static str,
}

/// A call before.
pub(crate) struct Before {
    pub(crate) method: &'static str,
    pub(crate) json: &'static str,
    pub(crate) take: &'static str,
}

const fn seed(method: &'static str, json: &'static str) -> Seed {
    Seed {
        method,
        before: None,
        json,
    }
}

const fn after(
    (before, before_json, take): (&'static str, &'static str, &'static str),
    method: &'static str,
    json: &'static str,
) -> Seed {
    let before = Before {
        method: before,
        json: before_json,
        take,
    };
    Seed {
        method,
        before: Some(before),
        json,
    }
}

const PARTY: &str = r#"{"lender_ref": "W$n", "display_name": "Wei", "kind": "BORROWER_KIND_INDIVIDUAL",
    "regions": ["CN"], "time_zones": ["$zone"], "locale": "zh-CN", "tags": ["vip"],
    "contact_points": [{"kind": "CONTACT_POINT_KIND_MOBILE", "value": "+861391$n",
        "owner": "CONTACT_POINT_OWNER_SELF", "time_zone": "$zone", "verified": true,
        "source": "application", "state": "CONTACT_POINT_STATE_VALID"}]}"#;
pub(crate) const STAGE: &str = r#"{"request_id": "$request", "kind": "email", "path": "$library",
    "sha256": "$digest_of_it",
    "settings_json": "{\"host\": \"127.0.0.1\", \"port\": 25, \"tls\": \"none\", \"from\": \"care@demo.example\"}"}"#;
const EVIDENCE: &str = r#"{"reference": "archive/7", "sha256": "$sha"}"#;
const MONEY: &str = r#"{"currency_code": "CNY", "units": "5"}"#;
const FACTS: &str = r#"{"principal": $cny, "interest": $cny, "fees": $cny, "overdue": $cny,
    "oldest_unpaid_due_date": $due, "ability": 50, "willingness": 50, "tags": ["a"]}"#;
const CASE: &str = r#"{"lender_case_ref": "N$n", "jurisdiction": "CN",
    "lender_kind": "LENDER_KIND_MICROLOAN_COMPANY", "policy_name": "quiet", "facts":
    {"principal": $cny, "interest": $cny, "fees": $cny, "overdue": $cny,
     "oldest_unpaid_due_date": $due, "ability": 50, "willingness": 50, "tags": ["a"],
     "product": "cash"},
    "documents": [{"kind": "DOCUMENT_KIND_CONTRACT", "reference": "archive/1", "sha256": "$sha"}],
    "previous_case_id": "", "parties": [$other]}"#;
const HYPOTHETICAL: &str = r#"{"jurisdiction": "CN", "lender_kind": "LENDER_KIND_BANK",
    "party": {"time_zones": ["$zone"], "opt_outs": ["visit"],
        "consents": [{"kind": "off_hours", "debt_ref": "d", "received_time": "$now",
            "expire_time": "$soon"}],
        "dispute": "DISPUTE_STATE_VERIFIED_SENT", "hardship_moratorium_until": $due,
        "inconvenient": [{"days": [1], "start": "08:00", "end": "09:00"}], "holidays": [$due],
        "days_past_due": 3, "regions": ["CN"],
        "pauses": [{"first": $due, "last": $due}], "unusable_numbers": ["m"]},
    "history": [{"channel": "sms", "time": "$now", "direction": "DIRECTION_OUTBOUND",
        "connected": true, "outcome": "OUTCOME_DELIVERED", "debt_refs": ["d"], "number": "n",
        "recipient": "RECIPIENT_CONSUMER", "person": "p"}],
    "proposal": {"channel": "sms", "time": "$now", "end_time": "$soon", "debt_ref": "d",
        "recipient": "RECIPIENT_CONSUMER", "number": "n", "person": "p",
        "address_kind": "ADDRESS_KIND_WORK_EMAIL", "third_party_kind": "THIRD_PARTY_KIND_SPOUSE",
        "purpose": "CONTACT_PURPOSE_LOCATION_INFORMATION", "evidence_pack": true,
        "qualified_collectors": 2},
    "only_rule_ids": ["CN-GBT45251-TIME"]}"#;

/// Fills in the parts that seeds share.
pub(crate) fn whole(json: &str) -> String {
    let mut text = json.to_owned();
    // The third party of a case is another person, and a part is filled in before those it holds.
    let third = PARTY.replace("W$n", "T$n").replace("+861391", "+861392");
    for (name, part) in [
        ("$hypothetical", HYPOTHETICAL),
        ("$casetext", CASE),
        ("$facts", FACTS),
        (
            "$other",
            r#"{"upsert": $third_text, "role": "PARTY_ROLE_THIRD_PARTY",
                "third_party_kind": "THIRD_PARTY_KIND_SPOUSE"}"#,
        ),
        ("$party_text", PARTY),
        ("$third_text", &third),
        ("$evidence", EVIDENCE),
        ("$cny", MONEY),
        (
            "$sha",
            "abababababababababababababababababababababababababababababababab",
        ),
    ] {
        text = text.replace(name, part);
    }
    text
}

/// Every seed; a method's first is the one that is said twice.
pub(crate) const SEEDS: &[Seed] = &[
    seed(
        "OpenCase",
        r#"{"request_id": "$request", "upsert": $party_text, "case": $casetext}"#,
    ),
    seed(
        "OpenCase",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"},
            "case": {"lender_case_ref": "N$n", "jurisdiction": "CN", "policy_name": "quiet",
                "lender_kind": "LENDER_KIND_MICROLOAN_COMPANY",
                "facts": {"overdue": $cny, "oldest_unpaid_due_date": $due},
                "parties": [{"party": {"lender_ref": "$guarantor"}, "role": "PARTY_ROLE_GUARANTOR"}]}}"#,
    ),
    seed(
        "OpenCase",
        r#"{"request_id": "$request", "party": {"party_id": "$party"},
            "case": {"lender_case_ref": "N$n", "jurisdiction": "CN", "policy_name": "quiet",
                "lender_kind": "LENDER_KIND_MICROLOAN_COMPANY",
                "facts": {"overdue": $cny, "oldest_unpaid_due_date": $due},
                "parties": [{"party": {"party_id": "$guarantor_id"}, "role": "PARTY_ROLE_GUARANTOR"}]}}"#,
    ),
    seed(
        "ImportCases",
        r#"{"request_id": "$request", "row_number": 1, "borrower": $party_text, "case": $casetext}"#,
    ),
    seed(
        "ImportCases",
        r#"{"request_id": "$request", "row_number": 1, "borrower": $party_text,
            "case": {"lender_case_ref": "N$n", "jurisdiction": "CN", "policy_name": "quiet",
                "lender_kind": "LENDER_KIND_MICROLOAN_COMPANY",
                "facts": {"overdue": $cny, "oldest_unpaid_due_date": $due},
                "parties": [{"party": {"lender_ref": "$guarantor"}, "role": "PARTY_ROLE_GUARANTOR"}]}}"#,
    ),
    seed(
        "ImportCases",
        r#"{"request_id": "$request", "row_number": 1, "borrower": $party_text,
            "case": {"lender_case_ref": "N$n", "jurisdiction": "CN", "policy_name": "quiet",
                "lender_kind": "LENDER_KIND_MICROLOAN_COMPANY",
                "facts": {"overdue": $cny, "oldest_unpaid_due_date": $due},
                "parties": [{"party": {"party_id": "$guarantor_id"}, "role": "PARTY_ROLE_GUARANTOR"}]}}"#,
    ),
    seed("GetCase", r#"{"case_id": "$case"}"#),
    seed("GetCase", r#"{"lender_case_ref": "$case_ref"}"#),
    seed("ListCases", r#"{"page_size": 1}"#),
    seed(
        "UpdateCaseFacts",
        r#"{"request_id": "$request", "case_id": "$case", "facts": $facts,
            "update_mask": "overdue,willingness", "effective_time": "$now"}"#,
    ),
    seed(
        "RecordPayment",
        r#"{"request_id": "$request", "case_id": "$case", "payment_ref": "P$n", "amount": $cny,
            "received_time": "$now", "balance_after": $cny}"#,
    ),
    after(
        (
            "RecordPayment",
            r#"{"request_id": "$request", "case_id": "$case", "payment_ref": "paid", "amount": $cny,
                "received_time": "$now"}"#,
            "",
        ),
        "ReversePayment",
        r#"{"request_id": "$request", "case_id": "$case", "payment_ref": "paid", "reason": "bounced",
            "balance_after": $cny}"#,
    ),
    seed(
        "AddDocument",
        r#"{"request_id": "$request", "case_id": "$case", "document":
            {"kind": "DOCUMENT_KIND_STATEMENT", "reference": "archive/$n", "sha256": "$sha"}}"#,
    ),
    seed(
        "HoldCase",
        r#"{"request_id": "$request", "case_id": "$case", "reason": "a word", "until": "$soon"}"#,
    ),
    after(
        (
            "HoldCase",
            r#"{"request_id": "$request", "case_id": "$case", "reason": "a word"}"#,
            "",
        ),
        "ReleaseHold",
        r#"{"request_id": "$request", "case_id": "$case", "note": "said"}"#,
    ),
    seed(
        "RaiseDispute",
        r#"{"request_id": "$request", "case_id": "$case", "statement": "not mine", "written": true,
            "received_time": "$now"}"#,
    ),
    after(
        (
            "RaiseDispute",
            r#"{"request_id": "$request", "case_id": "$case", "statement": "not mine"}"#,
            "dispute_id",
        ),
        "ResolveDispute",
        r#"{"request_id": "$request", "dispute_id": "$taken", "debt_verified": true,
            "verification_sent_time": "$now", "note": "it is"}"#,
    ),
    seed(
        "FileComplaint",
        r#"{"request_id": "$request", "case_id": "$blamed_case", "statement": "rude",
            "contact_id": "$blamed", "received_time": "$now"}"#,
    ),
    after(
        (
            "FileComplaint",
            r#"{"request_id": "$request", "case_id": "$case", "statement": "rude"}"#,
            "complaint_id",
        ),
        "ResolveComplaint",
        r#"{"request_id": "$request", "complaint_id": "$taken", "upheld": true, "note": "sorry"}"#,
    ),
    seed(
        "CloseCase",
        r#"{"request_id": "$request", "case_id": "$case", "reason": "CLOSE_REASON_WITHDRAWN",
            "note": "taken back"}"#,
    ),
    seed("GetTimeline", r#"{"case_id": "$case", "page_size": 1}"#),
    seed(
        "ExplainCase",
        r#"{"case_id": "$case", "mode": "EXPLAIN_MODE_AS_RECORDED"}"#,
    ),
    seed(
        "UpsertBorrower",
        r#"{"request_id": "$request", "party": $party_text,
            "update_mask": "displayName,kind,regions,timeZones,locale,contactPoints,tags"}"#,
    ),
    seed("GetBorrower", r#"{"party": {"party_id": "$party"}}"#),
    seed("GetBorrower", r#"{"party": {"lender_ref": "$ref"}}"#),
    seed(
        "RecordConsent",
        r#"{"request_id": "$request", "party": {"party_id": "$party"},
            "kind": "CONSENT_KIND_OFF_HOURS", "case_id": "$case", "contact_point_id": "$point",
            "received_time": "$now", "expire_time": "$soon", "evidence": $evidence,
            "source": "letter"}"#,
    ),
    seed(
        "RecordConsent",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"},
            "kind": "CONSENT_KIND_OFF_HOURS", "evidence": $evidence, "source": "letter"}"#,
    ),
    after(
        (
            "RecordConsent",
            r#"{"request_id": "$request", "party": {"party_id": "$party"},
                "kind": "CONSENT_KIND_EXTRA_CALLS", "source": "phone"}"#,
            "consent_id",
        ),
        "WithdrawConsent",
        r#"{"request_id": "$request", "consent_id": "$taken", "received_time": "$now"}"#,
    ),
    seed(
        "RecordOptOut",
        r#"{"request_id": "$request", "party": {"party_id": "$party"}, "channel": "sms",
            "contact_point_id": "$point", "received_via": "letter", "received_time": "$now"}"#,
    ),
    seed(
        "RecordOptOut",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"}, "all_channels": true,
            "received_via": "letter"}"#,
    ),
    after(
        (
            "RecordOptOut",
            r#"{"request_id": "$request", "party": {"party_id": "$party"}, "channel": "email",
                "received_via": "letter"}"#,
            "opt_out_id",
        ),
        "WithdrawOptOut",
        r#"{"request_id": "$request", "opt_out_id": "$taken", "evidence": $evidence}"#,
    ),
    seed(
        "RecordCease",
        r#"{"request_id": "$request", "party": {"party_id": "$party"}, "case_id": "$case",
            "written": true, "received_time": "$now", "evidence": $evidence}"#,
    ),
    seed(
        "RecordCease",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"}}"#,
    ),
    seed(
        "RecordAttorney",
        r#"{"request_id": "$request", "party": {"party_id": "$party"},
            "attorney": {"party_id": "$guarantor_id"}, "represents": true, "received_time": "$now"}"#,
    ),
    seed(
        "RecordAttorney",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"},
            "attorney": {"lender_ref": "$guarantor"}, "represents": true}"#,
    ),
    seed(
        "RecordCircumstance",
        r#"{"request_id": "$request", "party": {"party_id": "$party"}, "inconvenient_time":
            {"days": [1, 2], "start": "08:00", "end": "09:30"}, "received_time": "$now"}"#,
    ),
    seed(
        "RecordCircumstance",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"},
            "inconvenient_contact_point_id": "$point"}"#,
    ),
    seed(
        "RecordCircumstance",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"}, "employer_ban": true}"#,
    ),
    seed(
        "RecordCircumstance",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"},
            "moratorium_last_date": {"year": 2090, "month": 2, "day": 1}}"#,
    ),
    seed(
        "RecordCircumstance",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"}, "deceased": true}"#,
    ),
    seed(
        "DeclareHardship",
        r#"{"request_id": "$request", "party": {"party_id": "$party"}, "until": "$soon",
            "kind": "illness"}"#,
    ),
    seed(
        "DeclareHardship",
        r#"{"request_id": "$request", "party": {"lender_ref": "$ref"}, "kind": "illness"}"#,
    ),
    seed(
        "RecordPromise",
        r#"{"request_id": "$request", "case_id": "$sent_case", "amount": $cny,
            "due_date": $tomorrow, "contact_id": "$sent", "note": "on Friday"}"#,
    ),
    seed(
        "CheckPolicy",
        r#"{"yaml": "$yaml", "regions": ["CN"], "languages": ["zh-CN"]}"#,
    ),
    seed(
        "CreatePolicy",
        r#"{"request_id": "$request", "yaml": "$yaml"}"#,
    ),
    after(
        (
            "CreatePolicy",
            r#"{"request_id": "$request", "yaml": "$yaml"}"#,
            "policy.policy_id",
        ),
        "ActivatePolicy",
        r#"{"request_id": "$request", "policy_id": "$taken", "note": "read twice"}"#,
    ),
    seed("GetPolicy", r#"{"policy_id": "policy_quiet-1"}"#),
    seed(
        "SimulatePolicy",
        r#"{"policy_id": "policy_quiet-1", "case_filter": "dpd > 300", "days": 2, "seed": 7,
            "against_policy_id": "policy_quiet-1", "with_report": true}"#,
    ),
    seed(
        "SimulatePolicy",
        r#"{"yaml": "$yaml", "days": 2, "against_yaml": "$yaml"}"#,
    ),
    seed("GetPolicy", r#"{"name": "quiet", "version": 1}"#),
    seed("ListPolicies", r#"{"page_size": 1}"#),
    seed(
        "DiffPolicies",
        r#"{"base_policy_id": "policy_texts-1", "other_policy_id": "policy_quiet-1"}"#,
    ),
    after(
        (
            "UpdateCaseFacts",
            r#"{"request_id": "$request", "case_id": "$case", "facts": $facts, "update_mask": "tags"}"#,
            "",
        ),
        "MigrateCases",
        r#"{"request_id": "$request", "from_policy_id": "policy_quiet-1",
            "to_policy_id": "policy_asks-1", "reason": "asked first",
            "stages": [{"from_stage": "one", "to_stage": "one"}], "tags": ["a"],
            "case_ids": ["$case"], "batch_size": 1}"#,
    ),
    seed(
        "RegisterTemplate",
        r#"{"request_id": "$request", "name": "t$n", "channel": "email", "locale": "zh-CN",
            "subject": "About {{ case_ref }}", "body": "{{ lender_name }}: your loan {{ case_ref }}",
            "variables": ["lender_name", "case_ref"], "audience": "TEMPLATE_AUDIENCE_DEBTOR",
            "regions": ["CN"], "lender_kinds": ["LENDER_KIND_MICROLOAN_COMPANY"]}"#,
    ),
    seed("ListTemplates", r#"{"page_size": 1}"#),
    seed(
        "PreviewTemplate",
        r#"{"name": "reminder", "locale": "zh-CN",
            "values": [{"name": "borrower_name", "value": "Li"}], "regions": ["CN"],
            "lender_kind": "LENDER_KIND_MICROLOAN_COMPANY"}"#,
    ),
    seed("PreviewContact", r#"{"case_id": "$case", "time": "$soon"}"#),
    seed("PreviewContact", r#"{"hypothetical": $hypothetical}"#),
    seed(
        "RequestContact",
        r#"{"request_id": "$request", "case_id": "$case", "channel": "sms",
            "template": "reminder", "party": {"party_id": "$party"}, "contact_point_id": "$point",
            "reason": "she asked"}"#,
    ),
    seed(
        "RequestContact",
        r#"{"request_id": "$request", "case_id": "$told_case", "channel": "visit",
            "template": "visit_brief", "party": {"lender_ref": "$told_ref"}, "time": "$tomorrow_noon",
            "reason": "she asked"}"#,
    ),
    seed(
        "ApproveContact",
        r#"{"request_id": "$request", "contact_id": "$planned_a", "note": "go"}"#,
    ),
    seed(
        "CancelContact",
        r#"{"request_id": "$request", "contact_id": "$planned_b", "reason": "no"}"#,
    ),
    seed("GetContact", r#"{"contact_id": "$sent"}"#),
    seed("ListContacts", r#"{"page_size": 1}"#),
    seed(
        "ReportOutcome",
        r#"{"request_id": "$request", "contact_id": "$doubtful", "outcome": "OUTCOME_NO_ANSWER",
            "occurred_time": "$now", "reporter": "li", "note": "seen", "evidence": [$evidence],
            "collector_ids": ["$collector"]}"#,
    ),
    seed(
        "ResolveUnknown",
        r#"{"request_id": "$request", "contact_id": "$unknown",
            "resolution": "UNKNOWN_RESOLUTION_ACCEPTED", "evidence": $evidence, "reason": "their log"}"#,
    ),
    seed(
        "UpsertCollector",
        r#"{"request_id": "$request", "collector": {"lender_ref": "C$n", "display_name": "Li",
            "credentials": [{"kind": "field_id", "number": "7", "valid_until": $tomorrow}],
            "trainings": [{"kind": "law", "number": "8", "valid_until": $tomorrow}],
            "languages": ["zh-CN"], "regions": ["CN"], "active": true},
            "update_mask": "displayName,credentials,languages,regions,active"}"#,
    ),
    seed("ListPacks", r#"{"page_size": 1}"#),
    seed(
        "PreviewPacks",
        r#"{"files": [{"name": "xx.yaml", "text": "pack: xx\ntitle: T\nregions: [XX]\nrules: []\n"}],
            "enabled": ["us-nyc"], "instead": true}"#,
    ),
    seed(
        "ProposeOverride",
        r#"{"request_id": "$request", "rule_id": "CN-GBT45251-FREQ3", "case_id": "$case",
            "reason": "she asked for it", "until": "$soon"}"#,
    ),
    after(
        (
            "ProposeOverride",
            r#"{"request_id": "$request", "rule_id": "CN-GBT45251-FREQ3", "reason": "a test",
                "until": "$soon"}"#,
            "override.override_id",
        ),
        "ApproveOverride",
        r#"{"request_id": "$request", "override_id": "$taken", "note": "read twice"}"#,
    ),
    after(
        (
            "ProposeOverride",
            r#"{"request_id": "$request", "rule_id": "CN-GBT45251-FREQ3", "reason": "a test",
                "until": "$soon"}"#,
            "override.override_id",
        ),
        "RevokeOverride",
        r#"{"request_id": "$request", "override_id": "$taken", "reason": "no more"}"#,
    ),
    seed("ListOverrides", r#"{"page_size": 1}"#),
    seed("ListCollectors", r#"{"page_size": 1}"#),
    seed("ListChannels", r#"{"page_size": 1}"#),
    seed(
        "WatchEvents",
        r#"{"cursor": "$cursor", "kinds": ["EVENT_KIND_CASE_OPENED"], "case_ids": ["$case"],
            "party_ids": ["$party"], "end_at_present": true}"#,
    ),
    seed("GetWorklist", r#"{"page_size": 1}"#),
    seed("ExportLedger", "{}"),
    seed(
        "ReplayDecisions",
        r#"{"start_time": "$now", "end_time": "$soon"}"#,
    ),
    seed(
        "PauseDispatch",
        r#"{"request_id": "$request", "scope": {"channel": "email"}, "reason": "a word"}"#,
    ),
    seed(
        "PauseDispatch",
        r#"{"request_id": "$request", "scope": {"lender": "demo"}, "reason": "a word"}"#,
    ),
    seed(
        "PauseDispatch",
        r#"{"request_id": "$request", "scope": {"all": true}, "reason": "a word"}"#,
    ),
    after(
        (
            "PauseDispatch",
            r#"{"request_id": "$request", "scope": {"channel": "email"}, "reason": "a word"}"#,
            "",
        ),
        "ResumeDispatch",
        r#"{"request_id": "$request", "scope": {"channel": "email"}, "reason": "a word"}"#,
    ),
    after(
        (
            "PauseDispatch",
            r#"{"request_id": "$request", "scope": {"lender": "demo"}, "reason": "a word"}"#,
            "",
        ),
        "ResumeDispatch",
        r#"{"request_id": "$request", "scope": {"lender": "demo"}, "reason": "a word"}"#,
    ),
    after(
        (
            "PauseDispatch",
            r#"{"request_id": "$request", "scope": {"all": true}, "reason": "a word"}"#,
            "",
        ),
        "ResumeDispatch",
        r#"{"request_id": "$request", "scope": {"all": true}, "reason": "a word"}"#,
    ),
    seed("StageChannel", STAGE),
    seed(
        "SwapChannel",
        r#"{"request_id": "$request", "kind": "email", "generation": 2, "canary_percents": [1, 100],
            "hold_seconds": 604800, "judged_min": 100000}"#,
    ),
    after(
        (
            "SwapChannel",
            r#"{"request_id": "$request", "kind": "email", "generation": 2}"#,
            "",
        ),
        "RollbackChannel",
        r#"{"request_id": "$request", "kind": "email", "reason": "a word"}"#,
    ),
    after(
        ("StageChannel", STAGE, "channel.generation"),
        "DrainChannel",
        r#"{"request_id": "$request", "kind": "email", "generation": $taken}"#,
    ),
    seed(
        "ProbeChannel",
        r#"{"request_id": "$request", "kind": "email", "generation": 2}"#,
    ),
    seed("GetStatus", "{}"),
    seed(
        "AcceptClock",
        r#"{"request_id": "$request", "reason": "a word"}"#,
    ),
    seed(
        "BackupStore",
        r#"{"request_id": "$request", "name": "copy-$n"}"#,
    ),
    seed(
        "ConfirmReconciled",
        r#"{"request_id": "$request", "reason": "compared with their logs"}"#,
    ),
];

/// A filter that each list takes, for a token of another filter.
pub(crate) const OTHER_FILTERS: &[(&str, &str)] = &[
    ("ListCases", r#"{"filter": "status = OPEN"}"#),
    ("GetTimeline", r#"{"case_id": "$sent_case"}"#),
    ("ListContacts", r#"{"filter": "channel = sms"}"#),
    ("ListPolicies", r#"{"filter": "name != none"}"#),
    ("ListTemplates", r#"{"filter": "channel != visit"}"#),
    ("ListCollectors", r#"{"filter": "active = true"}"#),
    ("ListChannels", r#"{"show_all": true}"#),
    ("GetWorklist", r#"{"filter": "reason = approval"}"#),
];
