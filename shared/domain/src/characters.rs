//! Classifies characters by what a reader sees, which the standard library does not.

/// True if a reader sees nothing of the character: a space, a control, a filler, or one that only affects other characters.
///
/// Covers Unicode's `Default_Ignorable_Code_Point`, `White_Space` and `Cc`, and characters with a blank glyph.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    is_ignorable(character)
        || character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{2800}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D159}')
}

/// True if removing the character does not change how a text reads: a soft hyphen, a joiner, a direction mark, a variation selector, a filler
/// (`Default_Ignorable_Code_Point` of Unicode 17).
#[must_use]
pub fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}
