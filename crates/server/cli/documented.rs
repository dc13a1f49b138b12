//! Commands that the documents name are commands that there are: each is read by the command line itself.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::Args;

/// The pages: those of docs/ and the READMEs.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for dir in ["", "docs", "docs/channels", "docs/errors"] {
        let dir = root.join(dir);
        for entry in std::fs::read_dir(&dir).expect("a folder").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "md") {
                let text = std::fs::read_to_string(&path).expect("a page");
                pages.push((path, text));
            }
        }
    }
    assert!(pages.len() > 20, "the pages were not found: {pages:?}");
    pages
}

/// Words of a line of shell, up to what ends a command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | '&' | ';') => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The command of ours on a line: its words from the program on.
fn command(line: &str) -> Option<Vec<String>> {
    let words = words(line.trim());
    let is_setting = |w: &&String| w.contains('=') && !w.starts_with('-');
    let at = words.iter().take_while(is_setting).count();
    let program = words.get(at)?;
    let is_ours = program == "recoup" || program.ends_with("/recoup");
    // The rest is left to the reader.
    let named = words[at..].iter().take_while(|word| *word != "…");
    is_ours.then(|| named.cloned().collect())
}

/// Lines of fenced blocks, and what stands in backticks elsewhere.
fn code(page: &str) -> (Vec<String>, Vec<String>) {
    let (mut fenced, mut inline) = (Vec::new(), Vec::new());
    let mut is_fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            fenced.push(line.to_owned());
        } else {
            inline.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    (fenced, inline)
}

#[test]
fn every_command_in_the_documents_is_one() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, page) in pages() {
        let (fenced, inline) = code(&page);
        let whole = fenced.iter().map(|line| (line, true));
        for (line, is_whole) in whole.chain(inline.iter().map(|line| (line, false))) {
            // Variables whose values are read as the command is.
            let line = line.replace("$INSTANT", "2026-03-04T02:00:00Z");
            let Some(words) = command(&line.replace("$DAY", "2026-03-04")) else {
                continue;
            };
            seen += 1;
            let Err(error) = Args::try_parse_from(&words) else {
                continue;
            };
            let is_fine = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
                // A text may name a command without all of it.
                ErrorKind::MissingRequiredArgument
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => !is_whole,
                _ => false,
            };
            if !is_fine {
                wrong.push(format!("{}: `{line}`\n{error}", path.display()));
            }
        }
    }
    assert!(seen > 60, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_of_shell_are_read_as_a_shell_does() {
    let read = |line| command(line).map(|words| words[1..].join("|"));
    assert_eq!(read("recoup status  # what"), Some("status".into()));
    assert_eq!(
        read("RECOUP_TOKEN=x target/release/recoup case hold \"a b\" --reason 'c d' > f"),
        Some("case|hold|a b|--reason|c d".into())
    );
    assert_eq!(
        read("recoup serve --config x &"),
        Some("serve|--config|x".into())
    );
    assert_eq!(read("cargo build -p recoup"), None);
}
