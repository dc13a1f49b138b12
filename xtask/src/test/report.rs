//! The report of `recoup policy simulate` in a real browser: three reports of the made-up portfolio, each in a wide
//! window, one in the dark, and one as wide as a phone. `report.js` opens them and says what is wrong. Spoiled ones go
//! with them, and each must be found out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::civil::date;
use serde::Deserialize;

use super::Ended;
use super::server::write;
use crate::cargo::{self, succeed};
use crate::peers;
use crate::portfolio::{self, Options};

/// What speaks to the browser; Debian's release decides the browser's version.
const NODE: [&str; 1] = ["playwright-core@1.65.1"];
const BROWSER: [(&str, &str); 1] = [("chromium", "chromium")];

/// Charts of the least report: contacts by day, visits, refusals, money.
const CHARTS_MIN: u32 = 4;

/// What is done to a good report, and what has to be said of it then.
const SPOILED: [(&str, &str, &str, &str); 6] = [
    (
        "asks",
        "</body>",
        "<img src=\"http://127.0.0.1:9/pixel.png\"></body>",
        "console says",
    ),
    (
        "runs-a-script",
        "</body>",
        "<script>let known = 1</script></body>",
        "console says",
    ),
    (
        "is-wide",
        "</body>",
        "<h2 style=\"width:90rem\">wider than the window</h2></body>",
        "the page is",
    ),
    (
        "is-dark",
        "background:#fff;",
        "background:#101418;",
        "dark words stand on",
    ),
    ("is-cut-off", "x=\"64\"", "x=\"4\"", "is cut off"),
    ("is-empty", "<rect ", "<desc ", "nothing is drawn"),
];

/// What was seen of a report in a window.
#[derive(Debug, Deserialize)]
struct Seen {
    report: String,
    window: String,
    charts: u32,
    faults: Vec<String>,
}

/// Makes the reports and looks at them.
pub(crate) fn run() -> Ended {
    let here = peers::debian(&BROWSER).and_then(|()| peers::npm("browser", &NODE));
    let modules = match here {
        Ok(modules) => modules,
        Err(missing) => return Ended::Skipped(missing),
    };
    match look(&modules) {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Failed(why),
    }
}

fn look(modules: &Path) -> Result<(), String> {
    cargo::build("dev", &["--bin", "recoup"])?;
    let folder = cargo::target_dir().join("reports");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let good = reports(&folder)?;
    let spoiled = spoil(&folder, &good[0])?;
    let all: Vec<PathBuf> = good.iter().chain(&spoiled).cloned().collect();
    let seen = open(modules, &folder, &all)?;
    verdict(&seen, good.len())
}

/// A report of one policy in China, one in the United States, and one of two policies, the name of one of them long.
fn reports(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let rows = portfolio::rows(&Options {
        cases: 900,
        seed: 42,
        as_of: date(2026, 3, 1),
    });
    let file = folder.join("portfolio.jsonl");
    let out = fs::File::create(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    portfolio::write(&rows, out).map_err(|e| format!("{}: {e}", file.display()))?;
    let policies = cargo::root().join("xtask/data/policies");
    let (cn, us) = (
        policies.join("cn-micro.yaml"),
        policies.join("us-consumer.yaml"),
    );
    let text = fs::read_to_string(&cn).map_err(|e| format!("{}: {e}", cn.display()))?;
    let name = "cn-micro-with-visits-that-come-later-and-to-fewer-people";
    let later = text
        .replacen("name: cn-micro", &format!("name: {name}"), 1)
        .replacen("? 30 : 60", "? 50 : 80", 1);
    let second = folder.join("later.yaml");
    write(&second, &later)?;
    let mut made = Vec::new();
    for (name, policy, against) in [
        ("china", &cn, None),
        ("america", &us, None),
        ("compared", &cn, Some(&second)),
    ] {
        let report = folder.join(format!("{name}.html"));
        let mut simulate = Command::new(cargo::profile_dir("dev").join("recoup"));
        simulate.args(["policy", "simulate"]).arg(policy);
        if let Some(against) = against {
            simulate.arg("--against").arg(against);
        }
        simulate.arg("--portfolio").arg(&file);
        simulate.args(["--from", "2026-03-01", "--days", "90", "--report"]);
        succeed(simulate.arg(&report).stdout(Stdio::null()))?;
        made.push(report);
    }
    Ok(made)
}

fn spoil(folder: &Path, good: &Path) -> Result<Vec<PathBuf>, String> {
    let text = fs::read_to_string(good).map_err(|e| format!("{}: {e}", good.display()))?;
    let mut made = Vec::new();
    for (name, from, to, _) in SPOILED {
        if !text.contains(from) {
            return Err(format!("the report has no `{from}` to spoil"));
        }
        let file = folder.join(format!("{name}.html"));
        write(&file, &text.replace(from, to))?;
        made.push(file);
    }
    Ok(made)
}

fn open(modules: &Path, folder: &Path, reports: &[PathBuf]) -> Result<Vec<Seen>, String> {
    let chromium = peers::program("chromium").ok_or("there is no `chromium`")?;
    let node = peers::program("node").ok_or("there is no `node`")?;
    let mut node = Command::new(node);
    node.env("NODE_PATH", modules)
        .arg(cargo::root().join("xtask/src/test/report.js"))
        .arg(chromium)
        .arg(folder)
        .args(reports)
        .stderr(Stdio::inherit());
    let output = node.output().map_err(|e| format!("{node:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{node:?} ended with {}", output.status));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let read = |line: &str| serde_json::from_str(line).map_err(|e| format!("{line}: {e}"));
    said.lines().map(read).collect()
}

/// Good reports have no fault in any window; a spoiled one has its own in some.
fn verdict(seen: &[Seen], good: usize) -> Result<(), String> {
    let spoiled = |s: &Seen| {
        SPOILED
            .iter()
            .any(|(name, ..)| s.report == format!("{name}.html"))
    };
    let of_good: Vec<&Seen> = seen.iter().filter(|s| !spoiled(s)).collect();
    let mut wrong = Vec::new();
    for s in &of_good {
        let at = format!("{} in the window `{}`", s.report, s.window);
        if s.charts < CHARTS_MIN {
            wrong.push(format!("{at}: {} charts of {CHARTS_MIN}", s.charts));
        }
        wrong.extend(s.faults.iter().map(|fault| format!("{at}: {fault}")));
    }
    for (name, _, _, says) in SPOILED {
        let own = seen.iter().filter(|s| s.report == format!("{name}.html"));
        let mut faults = own.flat_map(|s| &s.faults);
        if !faults.any(|fault| fault.contains(says)) {
            wrong.push(format!(
                "nobody noticed that the report `{name}` was spoiled"
            ));
        }
    }
    let windows = of_good.iter().filter(|s| s.report == "china.html").count();
    if of_good.len() != good * windows || windows < 3 {
        wrong.push(format!("{} looks at {good} reports", of_good.len()));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(report: &str, faults: &[&str]) -> Vec<Seen> {
        let window = |window: &str| Seen {
            report: format!("{report}.html"),
            window: window.to_owned(),
            charts: CHARTS_MIN,
            faults: faults.iter().map(|f| (*f).to_owned()).collect(),
        };
        ["wide", "wide-dark", "phone"].map(window).into()
    }

    #[test]
    fn a_fault_and_a_fault_that_nobody_noticed_fail() {
        let mut all = seen("china", &[]);
        for (name, _, _, says) in SPOILED {
            all.extend(seen(name, &[says]));
        }
        verdict(&all, 1).expect("nothing is wrong");
        let last = all.split_off(all.len() - 3);
        let why = verdict(&all, 1).expect_err("one was not noticed");
        assert!(why.contains("`is-empty` was spoiled"), "{why}");
        all.extend(last);
        all[1].faults.push("the page is 900 wide".to_owned());
        let why = verdict(&all, 1).expect_err("a fault");
        assert!(why.contains("`wide-dark`: the page is 900"), "{why}");
    }
}
