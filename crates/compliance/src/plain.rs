//! What a reader of YAML says of a fault, in the words of whoever wrote the file.

/// The problem in plain words. `line` is the line of the file that it is about, where it is known.
pub(crate) fn problem(said: &str, line: Option<&str>) -> String {
    if said.starts_with("unknown field") {
        return with_hint(said);
    }
    let number = said.strip_prefix("invalid ").filter(|rest| {
        let kind = rest.split(' ').next().unwrap_or("");
        matches!(kind, "u8" | "u16" | "u32" | "u64" | "usize")
    });
    let wanted = match number {
        Some(_) => "a whole number of 1 or more",
        None if said.contains("expected a nonzero") => {
            "a whole number of 1 or more; to forbid a contact altogether, the rule names no number"
        }
        None => return said.to_owned(),
    };
    match line.map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => format!("`{line}` wants {wanted} ({said})"),
        None => format!("{wanted} is wanted ({said})"),
    }
}

/// The message on an unknown key, with the nearest of the names that are expected; as it is where none is near.
fn with_hint(said: &str) -> String {
    let given = said.split('`').nth(1);
    let expected = said.split_once("expected ").map(|(_, names)| names);
    let (Some(given), Some(expected)) = (given, expected) else {
        return said.to_owned();
    };
    let names = expected.split(" at line").next().unwrap_or(expected);
    let names = names.trim_start_matches("one of ").split([',', ' ', '`']);
    let names = names.filter(|name| !matches!(*name, "" | "or"));
    // Words of other lengths are further away than that, and may be long: nobody measures how far.
    let like = names.filter(|name| name.len().abs_diff(given.len()) <= reach(name));
    let near = like.map(|name| (distance(given, name), name)).min();
    match near.filter(|(far, name)| *far <= reach(name)) {
        Some((_, name)) => format!("{said}; did you mean `{name}`?"),
        None => said.to_owned(),
    }
}

/// How many edits away a word is taken for a slip.
const fn reach(name: &str) -> usize {
    1 + name.len() / 4
}

/// Edits (insert, delete, replace) from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
