//! "Did you mean": the nearest of the names that would have been right.

/// The nearest of `names`, as a hint; where none is near, all of them.
pub(crate) fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    // Longer names than any of ours are not worth the quadratic comparison.
    let near = (given.len() <= 64)
        .then(|| {
            names
                .clone()
                .into_iter()
                .map(|name| (distance(given, name), name))
                .filter(|(d, name)| *d <= 1 + name.len() / 4)
                .min()
        })
        .flatten();
    if let Some((_, name)) = near {
        return format!("did you mean `{name}`?");
    }
    const SHOWN: usize = 12;
    let all: Vec<&str> = names.into_iter().collect();
    match all.len() {
        0 => String::new(),
        n if n <= SHOWN => format!("there are: {}", all.join(", ")),
        n => format!(
            "there are: {} and {} more",
            all[..SHOWN].join(", "),
            n - SHOWN
        ),
    }
}

/// Edits (insert, delete, replace) from one name to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_named_and_else_all_are() {
        assert_eq!(
            nearest("stage", ["stages", "arms"]),
            "did you mean `stages`?"
        );
        assert_eq!(
            nearest("chanel", ["channel", "template"]),
            "did you mean `channel`?"
        );
        assert_eq!(nearest("xyzzy", ["a1", "b2"]), "there are: a1, b2");
        assert_eq!(nearest("x", []), "");
    }
}
