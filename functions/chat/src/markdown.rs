//! Escapes user text for answers: an answer is Markdown, a title is text.

/// Characters with a meaning inside a line of Markdown.
const SIGNS: &[char] = &['\\', '`', '*', '_', '~', '[', ']', '<'];

/// Returns text that renders as itself.
pub(crate) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if SIGNS.contains(&char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_title_is_markdown() {
        assert_eq!(text("Pay rent (#12), 50 % of it!"), "Pay rent (#12), 50 % of it!");
        assert_eq!(text(r"[a](https://b) **c** `d` <e> \f"), r"\[a\](https://b) \*\*c\*\* \`d\` \<e> \\f");
    }
}
