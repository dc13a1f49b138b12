//! Texts one behind the other, with nothing between them, found by number. Where one ends is held in four bytes: from
//! the beginning of the block that it stands in.

/// Texts of a block: what is held for a block is little beside what is held for each.
const BLOCK: usize = 64;

/// Texts in the order they were added.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    text: String,
    /// Where each block begins.
    blocks: Vec<u64>,
    /// Where each text ends, from the beginning of its block.
    ends: Vec<u32>,
}

impl Labels {
    /// Room for so many texts of so many bytes in all.
    pub(crate) fn with_capacity(texts: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            blocks: Vec::with_capacity(texts.div_ceil(BLOCK)),
            ends: Vec::with_capacity(texts),
        }
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Adds a text. A block has 4 GiB at most: what would go beyond is cut off.
    pub(crate) fn push(&mut self, text: &str) {
        if self.ends.len().is_multiple_of(BLOCK) {
            self.blocks.push(self.text.len() as u64);
        }
        self.text.push_str(text);
        let begin = self.blocks.last().copied().unwrap_or(0) as usize;
        let end = self.text.len() - begin;
        self.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
    }

    /// A text by its number; empty for one that was never added.
    pub(crate) fn get(&self, number: usize) -> &str {
        let from = match number.is_multiple_of(BLOCK) {
            true => self.blocks.get(number / BLOCK).map(|at| *at as usize),
            false => self.end(number - 1),
        };
        let found = from.zip(self.end(number));
        let found = found.and_then(|(from, to)| self.text.get(from..to));
        found.unwrap_or_default()
    }

    fn end(&self, number: usize) -> Option<usize> {
        let block = *self.blocks.get(number / BLOCK)?;
        Some(block as usize + *self.ends.get(number)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart() {
        let mut all = Labels::default();
        for text in ["A-1", "", "B", "长"] {
            all.push(text);
        }
        let found: Vec<&str> = (0..5).map(|n| all.get(n)).collect();
        assert_eq!(found, ["A-1", "", "B", "长", ""]);
    }

    #[test]
    fn blocks_make_no_difference() {
        let mut all = Labels::with_capacity(300, 0);
        let texts: Vec<String> = (0..300).map(|n| "x".repeat(n * 7 % 11)).collect();
        texts.iter().for_each(|text| all.push(text));
        for (n, text) in texts.iter().enumerate() {
            assert_eq!(all.get(n), text, "{n}");
        }
        assert_eq!(all.get(300), "");
        assert_eq!(all.bytes(), texts.concat().len());
    }
}
