//! Dead letters: the original events, with the consumer, the number of attempts and the last error as extensions.

use function::ports::{self, ATTEMPTS, CONSUMER, LAST_ERROR};
use function::{BoxError, BoxFuture};
use serde_json::{Value, json};
use store::{DeadLetter, Deliveries};

/// Maximum number of bytes of a letter that a broker accepts.
const LETTER_MAX: usize = 768 * 1024;
/// Number of characters of a larger letter's data that are published. The table keeps the complete data.
const BEGINNING_MAX: usize = 64 * 1024;
/// Characters of an error that are shown.
const ERROR_MAX: usize = 500;

/// The dead letters of a database.
#[derive(Clone, Debug)]
pub struct Letters(pub Deliveries);

/// Returns a letter as an event.
fn to_event(letter: &DeadLetter) -> Result<Value, serde_json::Error> {
    let mut event: Value = serde_json::from_str(&letter.event)?;
    if let Some(fields) = event.as_object_mut() {
        // A CloudEvents string must not have control characters.
        let error: String = letter.last_error.chars().filter(|char| !char.is_control()).take(ERROR_MAX).collect();
        let own = [(CONSUMER, letter.consumer.as_str().into()), (ATTEMPTS, letter.attempts.into()), (LAST_ERROR, error.into())];
        fields.extend(own.map(|(name, value): (_, Value)| (name.to_owned(), value)));
    }
    Ok(event)
}

/// Returns a letter for publishing. If it is too large for the broker, its data is cut or omitted.
pub(crate) fn to_publish(letter: &DeadLetter) -> Result<String, serde_json::Error> {
    let mut event = to_event(letter)?;
    let text = event.to_string();
    if text.len() <= LETTER_MAX {
        return Ok(text);
    }
    let beginning: String = event["data"].to_string().chars().take(BEGINNING_MAX).collect();
    if let Some(fields) = event.as_object_mut() {
        // Neither the data nor a long extension fits.
        let own = ["specversion", "id", "source", "type", CONSUMER, ATTEMPTS, LAST_ERROR];
        fields.retain(|name, value| own.contains(&name.as_str()) || (name != "data_base64" && value.to_string().len() <= BEGINNING_MAX));
        fields.insert("data".to_owned(), json!({ "size": text.len(), "is_whole": false, "text": beginning }));
    }
    Ok(event.to_string())
}

impl ports::DeadLetters for Letters {
    fn oldest(&self, limit: i64) -> BoxFuture<'_, Result<(Vec<Value>, i64), BoxError>> {
        Box::pin(async move {
            let letters = self.0.letters(None, limit).await?;
            let shown = i64::try_from(letters.len())?;
            // Usually all of them are shown. Only a full page needs a separate count.
            let total = if shown < limit { shown } else { shown.max(self.0.letters_count().await?) };
            Ok((letters.iter().map(to_event).collect::<Result<_, _>>()?, total))
        })
    }

    fn find<'a>(&'a self, consumer: &'a str, source: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Value>, BoxError>> {
        Box::pin(async move { Ok(self.0.letter(consumer, source, id).await?.as_ref().map(to_event).transpose()?) })
    }

    fn taken<'a>(&'a self, consumer: &'a str, source: &'a str, id: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { Ok(self.0.forget(consumer, source, id).await?) })
    }
}
