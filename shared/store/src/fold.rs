//! Folds text for the search. This happens in Rust, so that it does not depend on the locale of the database.
//!
//! Folded text consists of lower-case ASCII words and runs of punctuation, separated by single spaces, with a space at both ends: `Pay-rent (C++)`
//! becomes ` pay - rent ( c ++) `. So a word, the beginning of a word and a part of a word are all substrings: ` rent `, ` ren`, `ent`.
//!
//! Letters lose their accents and forms (NFKD), so that `exupery` finds Exupéry, however it was typed. Other characters outside ASCII become four or
//! six capital letters each. `pg_trgm` only sees what the database's locale counts as a letter, which under `C` is ASCII alone. As ASCII letters,
//! every script is indexed everywhere, and a single Chinese character is long enough to be found inside a word. The capitals cannot be confused with
//! the text, which is lower-case.

use domain::characters::is_ignorable;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};

/// Folds a text. The fold of a part is a part of the fold of the whole, except for the spaces at the ends.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 2);
    folded.push(' ');
    let mut previous = Class::Space;
    let mut push = |character: char| {
        let class = Class::of(character);
        if class != previous && previous != Class::Space {
            folded.push(' ');
        }
        match (class, character) {
            (Class::Space, _) => {}
            (Class::Word, character) if !character.is_ascii() => push_letters(character, &mut folded),
            (_, character) => folded.push(character),
        }
        previous = class;
    };
    let mut push_plain = |letter: char| match plain(letter) {
        Some(letters) => letters.chars().for_each(&mut push),
        None => push(letter),
    };
    // Goes word by word, because most words need no normalization, which takes many times as long as everything else.
    for word in text.split_inclusive(' ') {
        if word.chars().all(is_settled) {
            word.chars().flat_map(char::to_lowercase).for_each(&mut push_plain);
        } else {
            let letters = word.nfkd().filter(|character| !is_left_out(*character)).flat_map(char::to_lowercase);
            // Composed again, so that a Hangul syllable or a voiced kana stays one character, which is not a part of any other.
            letters.nfc().for_each(&mut push_plain);
        }
    }
    if previous != Class::Space {
        folded.push(' ');
    }
    folded
}

/// True if a word of such characters is folded without normalization: none of them is decomposed, changed, or left out.
fn is_settled(character: char) -> bool {
    // Hangul syllables, and the letters that they consist of.
    let (is_syllable, is_jamo) = (
        matches!(character, '\u{AC00}'..='\u{D7A3}'),
        matches!(character, '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97F}' | '\u{D7B0}'..='\u{D7FF}'),
    );
    let is_whole = || {
        let mut is_same = true;
        decompose_compatible(character, |part| is_same &= part == character);
        is_same && canonical_combining_class(character) == 0 && !is_ignorable(character)
    };
    character.is_ascii() || is_syllable || (!is_jamo && is_whole())
}

/// True if people write and search the same word without the character: an accent, a vowel point, or an invisible character.
///
/// Decided by the canonical combining class: 10 to 36 are the points of Hebrew, Arabic and Syriac, 200 and more the accents. Marks that other scripts
/// need, such as the vowels of Thai, the nukta and the marks of kana, have other classes.
fn is_left_out(character: char) -> bool {
    is_ignorable(character) || matches!(canonical_combining_class(character), 10..=36 | 200..)
}

/// Returns how a letter or mark is written on a keyboard that does not have it, if Unicode does not decompose it.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' | 'ɵ' => "o",
        'ⱥ' => "a",
        'ƀ' | 'ɓ' => "b",
        'ȼ' | 'ƈ' => "c",
        'đ' | 'ð' | 'ɖ' | 'ɗ' => "d",
        'ɇ' => "e",
        'ƒ' => "f",
        'ǥ' | 'ɠ' => "g",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ɉ' => "j",
        'ĸ' | 'ƙ' => "k",
        'ł' | 'ƚ' | 'ɫ' => "l",
        'ŋ' | 'ɲ' | 'ƞ' => "n",
        'ƥ' => "p",
        'ɍ' => "r",
        'ȿ' | 'ʂ' => "s",
        'ŧ' | 'ⱦ' | 'ƭ' | 'ʈ' => "t",
        'ʉ' => "u",
        'ʋ' => "v",
        'ⱳ' => "w",
        'ɏ' | 'ƴ' => "y",
        'ƶ' | 'ȥ' => "z",
        // The final form of sigma.
        'ς' => "σ",
        '‘' | '’' | '‛' | 'ʼ' => "'",
        '“' | '”' | '„' | '‟' => "\"",
        '‐' | '‒' | '–' | '—' | '―' | '−' => "-",
        _ => return None,
    })
}

/// Appends a folded tag to a text, so that [`Term::tag`] finds it as a whole. Folded text has no line feeds.
pub(crate) fn push_tag(tag: &str, text: &mut String) {
    if !text.ends_with(TAG_END) {
        text.push_str(TAG_END);
    }
    text.extend(["#", &fold(tag), TAG_END]);
}

/// Separates tags.
const TAG_END: &str = "\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Punctuation,
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            _ if character.is_whitespace() || character.is_control() => Self::Space,
            // Scripts and symbols (emoji, arrows). They should be found, so they count as letters.
            _ if character.is_alphanumeric() || character >= '\u{2070}' => Self::Word,
            _ => Self::Punctuation,
        }
    }
}

/// Writes a character as capitals. The first is one of A to J and is the number of base-16 digits, K to Z, that follow. So the letters of one
/// character are never a part of another's.
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

/// A search term, as it is looked for in folded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// The folded term, without spaces at the ends. For a tag, with its separators.
    text: String,
    place: Place,
}

/// Where a term may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Anywhere in a word.
    Anywhere,
    /// At the beginning of a word.
    Beginning,
    /// Among the tags, as a whole.
    Tags,
}

/// Letters of a trigram.
const TRIGRAM: usize = 3;

impl Term {
    /// Creates the term. Returns `None` if folding leaves nothing of it.
    pub(crate) fn new(term: &str) -> Option<Self> {
        if let Some(tag) = Self::tag(term) {
            return Some(tag);
        }
        let text = fold(term).trim().to_owned();
        let short = term.nfc().count() < TRIGRAM && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        let anywhere = !short || text.chars().any(|character| character.is_ascii_uppercase());
        let place = if anywhere { Place::Anywhere } else { Place::Beginning };
        (!text.is_empty()).then_some(Self { text, place })
    }

    /// `#work` means the tag work. A number such as `#12` may also occur in a text, so it is searched everywhere.
    fn tag(term: &str) -> Option<Self> {
        let tag = fold(term.strip_prefix('#')?);
        let is_tag = tag.contains(|letter: char| letter.is_ascii_alphabetic());
        is_tag.then(|| Self { text: format!("{TAG_END}#{tag}{TAG_END}"), place: Place::Tags })
    }

    /// True if it looks for a tag.
    pub(crate) fn is_tag(&self) -> bool {
        self.place == Place::Tags
    }

    /// Returns the `LIKE` pattern of a text that contains the term.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::from(if self.place == Place::Beginning { "% " } else { "%" });
        for character in self.text.chars() {
            if matches!(character, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('%');
        pattern
    }

    /// True if the trigram index can be used. `pg_trgm` takes trigrams from words, with two spaces before and one after a word if its beginning and
    /// end are certain. Punctuation has no trigrams, and neither has `c++`, which may follow other letters.
    pub(crate) fn has_trigram(&self) -> bool {
        let last = self.text.split(' ').count() - 1;
        self.text.split(' ').enumerate().any(|(index, word)| {
            let before = if self.place == Place::Anywhere && index == 0 { 0 } else { 2 };
            let behind = usize::from(index != last);
            word.starts_with(|first: char| first.is_ascii_alphanumeric()) && before + word.len() + behind >= TRIGRAM
        })
    }

    /// Returns the folded term, without spaces at the ends.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Returns the folded title of a task whose title is exactly these terms.
pub(crate) fn whole_title(terms: &[Term]) -> String {
    let words: Vec<&str> = terms.iter().filter(|term| !term.is_tag()).map(Term::text).collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_punctuation_are_separated() {
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
        assert_eq!(fold("д"), fold("Д"));
        assert_eq!(fold("д").len(), 6);
        assert_eq!(fold("🎉").len(), 8);
    }

    #[test]
    fn no_character_hides_in_another() {
        let letters: Vec<String> =
            ['д', 'ж', '日', '本', '鿿', '🎉', '𐀀', '\u{10FFFF}'].iter().map(|c| fold(&c.to_string()).trim().to_owned()).collect();
        for (index, one) in letters.iter().enumerate() {
            for other in letters.iter().skip(index + 1) {
                assert!(!one.contains(other.as_str()) && !other.contains(one.as_str()), "{one} {other}");
            }
        }
    }

    #[test]
    fn trigrams_are_expected_where_there_are_some() {
        for term in ["ab", "a", "abc", "#home", "#a", "c#", "д", "🎉", ".n", "a-b", "ab++", "50%"] {
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
        assert_eq!(patterns("д").as_deref(), Some("%AONO%"));
        assert_eq!(patterns("ü").as_deref(), Some("% u%"));
        assert_eq!(patterns("\u{307}"), None);
    }

    #[test]
    fn accents_and_forms_are_folded_however_they_are_typed() {
        for (one, other) in [
            ("Exupéry", "exupery"),
            ("Exupe\u{301}ry", "exupéry"),
            ("Łódź", "lodz"),
            ("Ærøskøbing", "aeroskobing"),
            ("STRASSE", "straße"),
            ("ẞ", "ss"),
            ("Đặng", "dang"),
            ("þing", "thing"),
            ("ﬁle Ｆｕｌｌ ① ½", "file full 1 1⁄2"),
            ("ΆΛΦΑ", "αλφα"),
            ("ёлка й", "елка и"),
            ("مُحَمَّد", "محمد"),
            ("co\u{AD}operate \u{200B}now", "cooperate now"),
            ("don’t – “now”", "don't - \"now\""),
            ("한국 が", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8} か\u{3099}"),
            ("ΟΔΟΣ İI", "οδος ii"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("か", "が"), ("한", "하"), ("की", "का"), ("ก่า", "กา"), ("日", "本")] {
            let (one, other) = (fold(one), fold(other));
            assert!(!one.contains(other.trim()) && !other.contains(one.trim()), "{one} {other}");
        }
    }

    #[test]
    fn a_tag_is_found_whole_and_nothing_else_is() {
        let mut text = format!("{}\n{}", fold("Read #work"), fold("#work"));
        push_tag("home office", &mut text);
        push_tag("café", &mut text);
        let has = |term: &str| Term::new(term).is_some_and(|term| text.contains(term.text()));
        for term in ["#home office", "#café", "#cafe", "#Café", "office", "#"] {
            assert!(has(&term.to_lowercase()), "{term}");
        }
        for term in ["#work", "#home", "#office", "#caf"] {
            assert!(!has(term), "{term}");
        }
    }
}
