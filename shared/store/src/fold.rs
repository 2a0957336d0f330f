//! How text is folded before it is searched: in Rust, so that it does not depend on the locale of the database.
//!
//! Folded text is lower-case ASCII words and runs of punctuation, one space between them and at both ends:
//! `Pay-rent (C++)` becomes ` pay - rent ( c ++) `. So a word, the beginning of a word and a part of a word are all
//! substrings: ` rent `, ` ren`, `ent`.
//!
//! Characters outside ASCII become four or six capital letters each. `pg_trgm` sees only what the database's locale calls
//! letters, which under `C` is ASCII alone; as ASCII letters, every script is indexed everywhere, and a single Chinese
//! character is long enough to be found inside a word. Capitals cannot be confused with the text, which is lower-case.

/// Folds a text. The fold of a part is a part of the fold of the whole, but for the spaces at the ends.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 2);
    folded.push(' ');
    let mut previous = Class::Space;
    for character in text.to_lowercase().chars() {
        let class = Class::of(character);
        if class == Class::Mark {
            continue;
        }
        if class != previous && previous != Class::Space {
            folded.push(' ');
        }
        match (class, character) {
            (Class::Space | Class::Mark, _) => {}
            // A word's last sigma is a sigma, and what is written STRASSE in capitals is a straße.
            (_, 'ς') => push_letters('σ', &mut folded),
            (_, 'ß') => folded.push_str("ss"),
            (Class::Word, character) if !character.is_ascii() => push_letters(character, &mut folded),
            (_, character) => folded.push(character),
        }
        previous = class;
    }
    if previous != Class::Space {
        folded.push(' ');
    }
    folded
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Punctuation,
    /// The dot that `İ` leaves behind in lower case.
    Mark,
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            '\u{307}' => Self::Mark,
            _ if character.is_whitespace() || character.is_control() => Self::Space,
            // From here on it is scripts and symbols (emoji, arrows): worth finding, so they count as letters.
            _ if character.is_alphanumeric() || character >= '\u{2070}' => Self::Word,
            _ => Self::Punctuation,
        }
    }
}

/// Writes a character as capitals. The first is one of A to J and tells how many digits of base 16, K to Z, follow, so that
/// the letters of one character are never a part of another's.
fn push_letters(character: char, folded: &mut String) {
    const LONG: u32 = 9 * 0x1000;
    let code = u32::from(character);
    let (first, rest, digits) = if code < LONG { (code >> 12, code & 0xFFF, 3) } else { (9, code - LONG, 5) };
    folded.push(letter('A', first));
    for digit in (0..digits).rev() {
        folded.push(letter('K', (rest >> (4 * digit)) & 0xF));
    }
}

fn letter(base: char, step: u32) -> char {
    char::from_u32(u32::from(base) + step).unwrap_or(base)
}

/// What a search term looks for in folded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// The folded term, without spaces at the ends.
    text: String,
    /// Whether a part of a word will do, or only its beginning.
    anywhere: bool,
}

/// Letters of a trigram.
const TRIGRAM: usize = 3;

impl Term {
    /// The term, unless folding leaves nothing of it.
    pub(crate) fn new(term: &str) -> Option<Self> {
        let text = fold(term).trim().to_owned();
        let short = term.chars().count() < TRIGRAM && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        let anywhere = !short || text.chars().any(|character| character.is_ascii_uppercase());
        (!text.is_empty()).then_some(Self { text, anywhere })
    }

    /// The `LIKE` pattern of a text that has it.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::from(if self.anywhere { "%" } else { "% " });
        for character in self.text.chars() {
            if matches!(character, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('%');
        pattern
    }

    /// Whether the index of trigrams can help: `pg_trgm` takes them from words, with two spaces before and one behind where
    /// a word begins and ends for certain. Punctuation has none, nor has `c++`, which may stand behind other letters.
    pub(crate) fn has_trigram(&self) -> bool {
        let last = self.text.split(' ').count() - 1;
        self.text.split(' ').enumerate().any(|(index, word)| {
            let before = if self.anywhere && index == 0 { 0 } else { 2 };
            let behind = usize::from(index != last);
            word.starts_with(|first: char| first.is_ascii_alphanumeric()) && before + word.len() + behind >= TRIGRAM
        })
    }

    /// The folded term, without spaces at the ends.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// The folded title of a task that is called exactly so.
pub(crate) fn whole_title(terms: &[Term]) -> String {
    let words: Vec<&str> = terms.iter().map(Term::text).collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_punctuation_are_set_apart() {
        assert_eq!(fold("Pay-rent (C++)"), " pay - rent ( c ++) ");
        assert_eq!(fold("  a\t\nb  "), " a b ");
        assert_eq!(fold(""), " ");
    }

    #[test]
    fn every_script_becomes_letters_and_case_does_not_matter() {
        assert_eq!(fold("ÜBER"), fold("über"));
        assert_eq!(fold("Straße"), fold("STRASSE"));
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
        assert_eq!(fold("İstanbul"), fold("istanbul"));
        assert!(fold("日本 🎉 über").is_ascii());
        assert_eq!(fold("ü"), " AKZW ");
        assert_eq!(fold("🎉").len(), 8);
    }

    #[test]
    fn no_character_hides_in_another() {
        let letters: Vec<String> =
            ['ü', 'é', '日', '本', '鿿', '🎉', '𐀀', '\u{10FFFF}'].iter().map(|c| fold(&c.to_string()).trim().to_owned()).collect();
        for (index, one) in letters.iter().enumerate() {
            for other in letters.iter().skip(index + 1) {
                assert!(!one.contains(other.as_str()) && !other.contains(one.as_str()), "{one} {other}");
            }
        }
    }

    #[test]
    fn trigrams_are_expected_where_there_are_some() {
        for term in ["ab", "a", "abc", "#home", "c#", "ü", "🎉", ".n", "a-b", "ab++", "50%"] {
            assert!(Term::new(term).is_some_and(|term| term.has_trigram()), "{term}");
        }
        for term in ["#", "++", "c++", "-", "“", "(!)"] {
            assert!(Term::new(term).is_some_and(|term| !term.has_trigram()), "{term}");
        }
    }

    #[test]
    fn short_terms_are_beginnings_unless_they_are_of_another_script_or_punctuation() {
        let patterns = |term: &str| Term::new(term).map(|term| term.pattern());
        assert_eq!(patterns("ab").as_deref(), Some("% ab%"));
        assert_eq!(patterns("abc").as_deref(), Some("%abc%"));
        assert_eq!(patterns("50%").as_deref(), Some("%50 \\%%"));
        assert_eq!(patterns("#").as_deref(), Some("%#%"));
        assert_eq!(patterns("c#").as_deref(), Some("% c #%"));
        assert_eq!(patterns("ü").as_deref(), Some("%AKZW%"));
        assert_eq!(patterns("\u{307}"), None);
    }
}
