use super::mapping::{
    MappingError, SHIPPED, SKIPPED_BY_COLUMN, SKIPPED_NOT_LATE, SKIPPED_NOTHING_OWED,
};
use super::*;
use crate::api::recoup::v1::{BorrowerKind, ImportCasesRequest};

fn row(number: i64, columns: &[(&str, &str)]) -> Row {
    Row {
        number,
        line: number as u64 + 1,
        columns: columns
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        raw: Raw::Line(String::new()),
    }
}

fn case(mapped: Mapped) -> ImportCasesRequest {
    match mapped {
        Mapped::Case(request) => *request,
        Mapped::Skipped(reason) => panic!("skipped: {reason}"),
    }
}

fn due(request: &ImportCasesRequest) -> String {
    let facts = request.case.as_ref().unwrap().facts.as_ref().unwrap();
    let day = facts.oldest_unpaid_due_date.unwrap();
    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)
}

fn overdue(request: &ImportCasesRequest) -> (i64, String) {
    let facts = request.case.as_ref().unwrap().facts.as_ref().unwrap();
    let money = facts.overdue.as_ref().unwrap();
    (values::minor_of(money), money.currency_code.clone())
}

const LOAN: [(&str, &str); 7] = [
    ("state", "NJ"),
    ("loan_purpose", "small_business"),
    ("loan_amount", "24000"),
    ("installment", "571.47"),
    ("loan_status", "Late (31-120 days)"),
    ("paid_principal", "544.73"),
    ("issue_month", "18-Mar"),
];

fn loan(status: &'static str) -> Row {
    let mut columns = LOAN;
    columns[4].1 = status;
    row(3, &columns)
}

#[test]
fn every_shipped_mapping_is_well() {
    for (name, _) in SHIPPED {
        let mapping = Mapping::load(name).unwrap();
        assert_eq!(mapping.name, name);
    }
}

#[test]
fn a_consumer_loan_becomes_a_case_by_its_status() {
    let mapping = Mapping::load("us-consumer-loans").unwrap();
    // Days past due are the middle of the band, on 30 June 2026.
    let table = [
        ("In Grace Period", "2026-06-22", 57_147),
        ("Late (16-30 days)", "2026-06-07", 57_147),
        ("Late (31-120 days)", "2026-04-16", 171_441),
        ("Charged Off", "2026-02-15", 2_345_527),
    ];
    for (status, due_date, overdue_minor) in table {
        let request = case(mapping.map(&loan(status), None).unwrap());
        assert_eq!(due(&request), due_date, "{status}");
        assert_eq!(
            overdue(&request),
            (overdue_minor, "USD".to_owned()),
            "{status}"
        );
        let party = request.borrower.as_ref().unwrap();
        assert_eq!(party.regions, ["US-NJ"]);
        assert_eq!(party.kind, i32::from(BorrowerKind::MicroBusiness));
        let mobile = &party.contact_points[0].value;
        assert!(mobile.len() == 12 && &mobile[5..10] == "55501", "{mobile}");
    }
    for status in ["Current", "Fully Paid"] {
        let mapped = mapping.map(&loan(status), None).unwrap();
        assert!(
            matches!(mapped, Mapped::Skipped(SKIPPED_BY_COLUMN)),
            "{status}"
        );
    }
}

fn account(codes: [&'static str; 6], bills: [&'static str; 6]) -> Row {
    let mut columns = vec![("ID", "17")];
    let names = [
        ["PAY_1", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"],
        [
            "BILL_AMT1",
            "BILL_AMT2",
            "BILL_AMT3",
            "BILL_AMT4",
            "BILL_AMT5",
            "BILL_AMT6",
        ],
        [
            "PAY_AMT1", "PAY_AMT2", "PAY_AMT3", "PAY_AMT4", "PAY_AMT5", "PAY_AMT6",
        ],
    ];
    for i in 0..6 {
        columns.push((names[0][i], codes[i]));
        columns.push((names[1][i], bills[i]));
        columns.push((names[2][i], "5.00E+05"));
    }
    row(12, &columns)
}

#[test]
fn a_card_account_rolls_month_by_month() {
    let mapping = Mapping::load("taiwan-credit-card").unwrap();
    let monthly = mapping.monthly().unwrap();
    let account = account(
        ["2", "0", "1", "3", "-1", "2"],
        ["3913", "100", "0", "-5", "7", "2.00E+05"],
    );
    let states: Vec<_> = (0..monthly.months())
        .map(|month| monthly.state(&account, month).unwrap())
        .collect();
    let statements: Vec<_> = states.iter().map(|s| s.statement.to_string()).collect();
    assert_eq!(
        statements,
        [
            "2026-04-30",
            "2026-05-31",
            "2026-06-30",
            "2026-07-31",
            "2026-08-31",
            "2026-09-30"
        ]
    );
    let april = states[0].overdue.as_ref().unwrap();
    assert_eq!(
        (april.minor, april.due_date.to_string()),
        (20_000_000, "2026-03-01".to_owned())
    );
    assert_eq!(states[0].payment_day.to_string(), "2026-04-15");
    assert_eq!(states[0].paid_minor, 50_000_000);
    let without_debt: Vec<bool> = states.iter().map(|s| s.code_without_debt).collect();
    assert_eq!(without_debt, [false, false, true, true, false, false]);
    let late: Vec<bool> = states.iter().map(|s| s.overdue.is_some()).collect();
    assert_eq!(late, [true, false, false, false, false, true]);

    let request = case(mapping.map(&account, None).unwrap());
    assert_eq!(overdue(&request), (391_300, "TWD".to_owned()));
    assert_eq!(due(&request), "2026-08-01");
    let month = |text| month(&mapping, Some(text)).unwrap();
    let skipped = |text| match mapping.map(&account, month(text)).unwrap() {
        Mapped::Skipped(reason) => reason,
        Mapped::Case(_) => "a case",
    };
    assert_eq!(skipped("2026-04"), "a case");
    assert_eq!(skipped("2026-05"), SKIPPED_NOT_LATE);
    assert_eq!(skipped("2026-07"), SKIPPED_NOTHING_OWED);
    let error = super::month(&mapping, Some("2005-04"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("from 2026-04 to 2026-09"), "{error}");
}

#[test]
fn what_is_made_up_is_stable_and_distinct() {
    let mapping = Mapping::load("taiwan-credit-card").unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut account = account(["2"; 6], ["10"; 6]);
    for number in 1..=3_000 {
        account.number = number;
        let one = case(mapping.map(&account, None).unwrap());
        let again = case(mapping.map(&account, None).unwrap());
        assert_eq!(one, again);
        let mobile = one.borrower.unwrap().contact_points[0].value.clone();
        assert!(
            mobile.starts_with("+88699") && mobile.len() == 13,
            "{mobile}"
        );
        assert!(seen.insert(mobile), "row {number}");
    }
}

#[test]
fn a_wrong_mapping_names_the_place_and_the_remedy() {
    let fields = "fields: {lender_case_ref: {column: a}, borrower_ref: {column: b}, borrower_kind: {constant: \
                  individual}, jurisdiction: {constant: CN}, lender_kind: {constant: bank}, currency: {constant: \
                  CNY}, overdue: {column: c}";
    let table = [
        (format!("name: x\n{fields}}}\ntitel: y\n"), "titel"),
        (
            format!("name: x\n{fields}, overdu: {{column: d}}}}\n"),
            "did you mean `overdue`?",
        ),
        (
            format!("name: x\n{fields}, fees: {{}}}}\n"),
            "exactly one of constant",
        ),
        (
            format!("name: x\n{fields}, fees: {{constant: 1, map: {{}}}}}}\n"),
            "`map` goes with `column`",
        ),
        (
            format!("name: x\n{fields}, fees: {{monthly: overdue}}}}\n"),
            "the mapping's own `monthly`",
        ),
        (
            "name: x\nfields: {lender_case_ref: {column: a}}\n".to_owned(),
            "fields lacks `borrower_ref`",
        ),
        (
            format!("name: x\n{fields}, fees: {{colum: a}}}}\n"),
            "colum",
        ),
    ];
    for (text, want) in table {
        let error = Mapping::parse("x.yaml", &text).unwrap_err().to_string();
        assert!(error.contains(want), "{text}\n{error}");
    }
    let error = Mapping::load("us-consumer-loan").unwrap_err();
    assert!(matches!(error, MappingError::NotFound { .. }));
    assert!(error.to_string().contains("taiwan-credit-card"), "{error}");
}

#[test]
fn a_file_of_other_columns_is_refused_before_the_first_row() {
    let mapping = Mapping::load("recoup").unwrap();
    let header = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let needed = [
        "lender_case_ref",
        "borrower_ref",
        "borrower_kind",
        "jurisdiction",
        "lender_kind",
        "currency",
        "overdue",
    ];
    mapping.check_header(&header(&needed)).unwrap();
    mapping
        .check_header(&header(&[&needed[..], &["error"]].concat()))
        .unwrap();
    let error = mapping
        .check_header(&header(&needed[1..]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("lacks lender_case_ref"), "{error}");
    let names = [&needed[..], &["mobile"]].concat();
    let error = mapping
        .check_header(&header(&names))
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean `mobiles`?"), "{error}");
}

fn args(file: PathBuf) -> Args {
    Args {
        file,
        mapping: "recoup".to_owned(),
        month: None,
        dry_run: true,
        bad_rows: None,
        batch: None,
        json: false,
    }
}

#[tokio::test]
async fn good_rows_go_on_and_bad_ones_come_back_as_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cases.csv");
    let header = "lender_case_ref,borrower_ref,borrower_kind,jurisdiction,lender_kind,currency,overdue,\
                  oldest_unpaid_due_date,mobiles";
    let rows = "L1,B1,individual,CN,bank,CNY,100.00,2026-01-31,+8615400000001\n\
                L2,B2,individual,CN,bank,CNY,1OO,2026-01-31,13800138000\n\
                L3,B3\n\
                L4,B4,micro_business,CN,bank,CNY,5,2026-02-01,\n";
    std::fs::write(&file, format!("{header}\n{rows}")).unwrap();
    let summary = dry_run(&args(file.clone())).await.unwrap();
    assert_eq!((summary.rows, summary.opened, summary.bad), (4, 2, 2));
    assert_eq!(summary.exit_code(), EXIT_BAD_ROWS);
    let bad = std::fs::read_to_string(summary.bad_rows.unwrap()).unwrap();
    let lines: Vec<&str> = bad.lines().collect();
    assert_eq!(lines[0], format!("{header},error"));
    assert!(
        lines[1].contains("overdue: `1OO` is not an amount"),
        "{bad}"
    );
    // The row itself stands there, but what is said of it quotes no number of a person.
    let said = lines[1].rsplit_once("13800138000,").unwrap().1;
    assert!(said.contains("mobiles: a value is not in E.164"), "{bad}");
    assert!(
        lines[2].contains("the row has 2 columns and the header 9"),
        "{bad}"
    );
    let again = dry_run(&args(file)).await.unwrap();
    assert_eq!(
        again.batch, summary.batch,
        "the same file is the same batch"
    );
}

#[tokio::test]
async fn what_cannot_be_imported_at_all_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cases.xlsx");
    std::fs::write(&path, "").unwrap();
    let error = dry_run(&args(path)).await.unwrap_err();
    assert!(error.to_string().contains(".jsonl"), "{error}");
    assert_eq!(error.exit_code(), EXIT_INPUT);
    let mut named = args(dir.path().join("cases.jsonl"));
    std::fs::write(&named.file, "{}").unwrap();
    named.batch = Some("a b".to_owned());
    let error = dry_run(&named).await.unwrap_err();
    assert!(matches!(error, ImportError::Batch(_)));
}

#[test]
fn an_unknown_zone_is_found_without_a_server() {
    let record = |zones: &str| -> native::Record {
        [
            ("lender_case_ref", "L-1"),
            ("borrower_ref", "B-1"),
            ("borrower_kind", "individual"),
            ("jurisdiction", "CN"),
            ("lender_kind", "bank"),
            ("currency", "CNY"),
            ("overdue", "0"),
            ("time_zones", zones),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
    };
    for (zones, words) in [
        ("", None),
        ("Asia/Shanghai", None),
        ("Asia/Shanghai; America/New_York", None),
        (
            "Mars/Base",
            Some("`Mars/Base` is no IANA time zone; one looks like `Asia/Shanghai`"),
        ),
        (
            "Asia/Shanghai;CST",
            Some("names `CST`, which is no IANA time zone"),
        ),
    ] {
        let said = native::request(&record(zones), 1);
        let said = said
            .err()
            .map(|e| e.iter().map(ToString::to_string).collect::<String>());
        assert_eq!(said.is_some(), words.is_some(), "{zones}: {said:?}");
        let said = said.unwrap_or_default();
        assert!(said.contains(words.unwrap_or_default()), "{said}");
    }
}
