//! What people wrote, as it stands in an answer: an answer is Markdown, a title is text.

/// Signs that mean something inside a line of Markdown.
const SIGNS: &[char] = &['\\', '`', '*', '_', '~', '[', ']', '<'];

/// Text that is read as itself.
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
