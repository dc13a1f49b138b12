//! Where a field is broken and the server is right to go on, or to speak of something else. Each with why;
//! one that is not needed any more fails the table.

/// Method (`*` is any), path without places in lists, what was done, and why that is right.
pub(crate) const TAKEN: &[(&str, &str, &str, &str)] = &[
    ("CheckPolicy", "yaml", "100,000 characters", TEXT),
    ("CheckPolicy", "yaml", "100,000 wide characters", TEXT),
    (
        "ImportCases",
        "row_number",
        "greatest number",
        "files may be long",
    ),
    (
        "PreviewContact",
        "hypothetical.party.days_past_due",
        "-1",
        "the due date may lie ahead",
    ),
    ("WatchEvents", "case_ids", "id of nobody", FILTER),
    ("WatchEvents", "party_ids", "id of nobody", FILTER),
];

const TEXT: &str = "a policy with faults is an answer with findings, and its text may be 1 MiB";
const FILTER: &str = "a filter that nothing fits: no event is told, whosever id it is";

/// Fields that no seed can carry, because a request with them is refused: method, path, why.
const UNREACHED: &[(&str, &str, &str)] = &[(
    "UpsertCollector",
    "collector.shifts",
    "shifts are not planned by yet",
)];

/// The exception for a probe.
pub(crate) fn of(
    method: &str,
    path: &str,
    what: &str,
) -> Option<(&'static str, &'static str, &'static str)> {
    let fits = |(m, p, w, _): &&(&str, &str, &str, &str)| {
        (*m == "*" || *m == method) && *p == path && *w == what
    };
    TAKEN.iter().find(fits).map(|(m, p, w, _)| (*m, *p, *w))
}

/// Whether no seed can carry a field.
pub(crate) fn is_unreached(method: &str, path: &str) -> bool {
    let within = |p: &str| {
        path.strip_prefix(p)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    UNREACHED
        .iter()
        .any(|(m, p, _)| (*m == "*" || *m == method) && within(p))
}
