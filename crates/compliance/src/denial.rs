//! Whether what stands beside some words in their clause denies them. Words are compared, in English, Spanish and
//! Chinese; no sentence is understood. In doubt a text is refused, and can say the same in a clause of its own.

/// What makes the opposite of what follows it.
const NEGATIONS: &[&str] = &[
    "cannot",
    "cant",
    "dont",
    "doesnt",
    "forbidden",
    "impossible",
    "imposible",
    "isnt",
    "jamás",
    "neither",
    "never",
    "ni",
    "ningún",
    "ninguna",
    "no",
    "none",
    "nor",
    "not",
    "nothing",
    "nunca",
    "prohibido",
    "prohibited",
    "sin",
    "tampoco",
    "unable",
    "without",
    "wont",
];

/// What may stand between a negation and what it denies: `cannot ever`, `no way for you to`. After any other word, such
/// as that of `do not want texts reply STOP`, the negation is of something else.
const LINKS: &[&str] = &[
    "a",
    "ability",
    "able",
    "acción",
    "allowed",
    "an",
    "any",
    "are",
    "at",
    "be",
    "been",
    "being",
    "by",
    "can",
    "chance",
    "choice",
    "circumstances",
    "come",
    "comes",
    "coming",
    "communication",
    "could",
    "currently",
    "de",
    "del",
    "derecho",
    "do",
    "does",
    "ejercer",
    "el",
    "ellos",
    "en",
    "entitled",
    "es",
    "esta",
    "este",
    "está",
    "ever",
    "for",
    "forma",
    "free",
    "freely",
    "from",
    "get",
    "given",
    "has",
    "have",
    "if",
    "in",
    "is",
    "it",
    "just",
    "la",
    "legally",
    "link",
    "lo",
    "longer",
    "made",
    "manera",
    "may",
    "means",
    "mensaje",
    "message",
    "might",
    "mode",
    "modo",
    "must",
    "need",
    "of",
    "offer",
    "offered",
    "opción",
    "option",
    "or",
    "para",
    "permite",
    "permitido",
    "permitted",
    "podrá",
    "podrás",
    "podría",
    "posible",
    "possibility",
    "possible",
    "proceso",
    "puede",
    "pueden",
    "puedes",
    "que",
    "really",
    "right",
    "se",
    "sent",
    "ser",
    "shall",
    "simply",
    "still",
    "such",
    "supported",
    "text",
    "that",
    "the",
    "therefore",
    "this",
    "through",
    "tiene",
    "tienen",
    "tienes",
    "to",
    "un",
    "una",
    "under",
    "use",
    "used",
    "usted",
    "via",
    "was",
    "way",
    "ways",
    "were",
    "whatsoever",
    "will",
    "with",
    "would",
    "yet",
    "you",
];

/// What may stand between words and a negation that denies them: `to opt out is not possible`.
const COPULAS: &[&str] = &[
    "are", "can", "could", "did", "do", "does", "es", "está", "has", "have", "is", "may", "might",
    "must", "puede", "shall", "será", "was", "were", "will", "would",
];

/// What something is not that is not to be had.
const OFFERED: &[&str] = &[
    "allowed",
    "available",
    "longer",
    "offered",
    "permitted",
    "possible",
    "supported",
];

/// The same in Han, where words are not parted.
const HAN: &[&str] = &[
    "不", "没", "沒", "无", "無", "勿", "未", "别", "別", "非", "禁止", "拒绝", "拒絕",
];

/// How many characters of Han before the words a negation reaches.
const HAN_REACH: usize = 6;

/// Whether the words of a clause that stand before others deny these.
pub(crate) fn before(words: &[String]) -> bool {
    for at in (0..words.len()).rev() {
        if negates(words, at) {
            return true;
        }
        if !LINKS.contains(&&*words[at]) {
            return false;
        }
    }
    false
}

/// Whether the words of a clause that stand behind others deny these.
pub(crate) fn behind(words: &[String]) -> bool {
    let copulas = words.iter().take_while(|w| COPULAS.contains(&&***w));
    let at = copulas.count();
    let Some(first) = words.get(at) else {
        return false;
    };
    match at {
        // Without a copula the negation may be of what follows: `from a debt collector not a bank`.
        0 => {
            let next = words.get(1).is_some_and(|w| OFFERED.contains(&&**w));
            next && matches!(&**first, "not" | "no")
        }
        _ => negates(words, at),
    }
}

/// Whether the word at a place is a negation; `can't` is two words here.
fn negates(words: &[String], at: usize) -> bool {
    let is_short = || words[at] == "t" && at > 0 && words[at - 1].ends_with('n');
    NEGATIONS.contains(&&*words[at]) || is_short()
}

/// Whether the text around some characters of Han denies them.
pub(crate) fn in_han(before: &str, behind: &str) -> bool {
    let reach = before.char_indices().rev().nth(HAN_REACH - 1);
    let near = &before[reach.map_or(0, |(at, _)| at)..];
    let behind = behind.trim_start_matches(['是', '都', '也', '并', '已']);
    HAN.iter()
        .any(|no| near.contains(no) || behind.starts_with(no))
}
