//! JSON Schemas of the types that are text on the wire, for the OpenAPI and AsyncAPI documents, and forms that most readers know.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::change::ChangeId;
use crate::chat::{ConversationId, LINE_MAX, MESSAGE_MAX};
use crate::command::Field;
use crate::moment::{Day, Moment};
use crate::offset::ReminderOffset;
use crate::preferences::{DayStart, LOCALE_MAX, Locale};
use crate::query::QUERY_MAX;
use crate::recurrence::Rule;
use crate::task::{DESCRIPTION_MAX, TAG_MAX, TAGS_MAX, TITLE_MAX};
use crate::time::Timestamp;
use crate::zone::Zone;

macro_rules! text_schema {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_schema!(Timestamp, "Timestamp", {
    "type": "string",
    "format": "date-time",
    "description": "RFC 3339; any offset is accepted; UTC with Z and microseconds is returned. Years 0001 to 9999.",
    "examples": ["2026-03-31T09:00:00+02:00", "2026-03-31T07:00:00.000000Z"],
});
text_schema!(Day, "Day", {
    "type": "string",
    "format": "date",
    "description": "A date without a time. Years 0001 to 9999.",
    "examples": ["2027-01-05"],
});
text_schema!(Moment, "Moment", {
    "type": "string",
    "format": "date-or-date-time",
    "description": "An instant (RFC 3339, any offset), or a date without a time. Years 0001 to 9999.",
    "examples": ["2026-03-31T09:00:00+02:00", "2026-03-31"],
});
text_schema!(DayStart, "DayStart", {
    "type": "string",
    "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "description": "A time of day on the wall clock of a task's zone.",
    "examples": ["09:00"],
});
text_schema!(Locale, "Locale", {
    "type": "string",
    "maxLength": LOCALE_MAX,
    "pattern": "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$",
    "description": "A language tag of RFC 5646.",
    "examples": ["en-GB", "pt-BR"],
});
text_schema!(Zone, "TimeZone", {
    "type": "string",
    "format": "iana-time-zone",
    "description": "A name of the IANA time zone database.",
    "examples": ["Europe/Berlin", "UTC"],
});
text_schema!(Rule, "RecurrenceRule", {
    "type": "string",
    "format": "rrule",
    "maxLength": 500,
    "description": "RFC 5545 RRULE: FREQ HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY, with INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, COUNT or UNTIL.",
    "examples": ["FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=WEEKLY;BYDAY=TU,TH"],
});
text_schema!(ReminderOffset, "ReminderOffset", {
    "type": "string",
    "pattern": "^([0-9]{1,3} (minute|hour|day|week)s?|PT[0-9]{1,3}[HM]|P[0-9]{1,3}[DW])$",
    "description": "How long before the due date, such as 1 hour; days and weeks are wall-clock in the task's zone. An ISO 8601 duration of one unit is accepted as well.",
    "examples": ["15 minutes", "1 hour", "1 day", "PT1H"],
});

text_schema!(ConversationId, "ConversationId", {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{8,64}$",
    "description": "Id of a conversation. The caller that starts a conversation may choose it.",
    "examples": ["0196f3a8-1b7c-7c6e-9d0a-3f1d2c5b7a90"],
});

text_schema!(ChangeId, "ChangeId", {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}-[1-9][0-9]{0,18}$",
    "description": "Identifies a change of a task: the value of Taskflow-Change.",
    "examples": ["42-7"],
});
impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn _schemars_private_non_optional_json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::_schemars_private_non_optional_json_schema(generator)
    }
}

/// Schema of a task's UUID in responses.
#[must_use]
pub fn uid(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "uuid" })
}

/// Schema of a UUID in requests.
#[must_use]
pub fn new_uid(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "uuid", "not": { "const": uuid::Uuid::nil().to_string() } })
}

/// Schema of the name of an app password in requests.
#[must_use]
pub fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "minLength": 1, "maxLength": crate::app_password::NAME_MAX,
        "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*[^\\s\\u0000-\\u001F\\u007F-\\u009F][^\\u0000-\\u001F\\u007F-\\u009F]*$",
    })
}

/// Schema of a title in requests.
#[must_use]
pub fn title(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "minLength": 1, "maxLength": TITLE_MAX,
        "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*[^\\s\\u0000-\\u001F\\u007F-\\u009F][^\\u0000-\\u001F\\u007F-\\u009F]*$",
    })
}

/// Schema of a description in requests.
#[must_use]
pub fn description(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": DESCRIPTION_MAX, "pattern": "^[^\\u0000]*$" })
}

/// Schema of tags in requests.
#[must_use]
pub fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": TAGS_MAX,
        "items": {
            "type": "string", "minLength": 1, "maxLength": TAG_MAX,
            "pattern": "^[^,\\u0000-\\u001F\\u007F-\\u009F]*[^,\\s\\u0000-\\u001F\\u007F-\\u009F][^,\\u0000-\\u001F\\u007F-\\u009F]*$",
        },
    })
}

/// Changes the schema of a filter's tags to the form of a query string.
pub(crate) fn comma_tags(schema: &mut Schema) {
    let Some(tags) = schema.get_mut("properties").and_then(|properties| properties.get_mut("tags")) else { return };
    *tags = json!({
        "description": "Only tasks with these tags, separated by commas.",
        "type": "string", "pattern": "^[^,\\u0000-\\u001F\\u007F-\\u009F]{0,50}(,[^,\\u0000-\\u001F\\u007F-\\u009F]{0,50}){0,19}$",
        "default": [],
    });
}

/// Schema of a search query.
#[must_use]
pub fn query(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "maxLength": QUERY_MAX, "pattern": "^[^\\u0000]*$" })
}

/// Schema of a message to the assistant.
#[must_use]
pub fn message(_: &mut SchemaGenerator) -> Schema {
    said(MESSAGE_MAX)
}

/// Schema of a line that becomes a draft.
#[must_use]
pub fn line(_: &mut SchemaGenerator) -> Schema {
    said(LINE_MAX)
}

fn said(max: usize) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": max, "pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$" })
}

/// Writes `enum` instead of a choice of constants, without their descriptions.
pub fn constants_as_enum(fields: &mut Map<String, Value>) {
    let Some(choices) = fields.get("oneOf").and_then(Value::as_array) else { return };
    let text: Option<Vec<Value>> = choices.iter().map(|choice| choice.get("const").filter(|value| value.is_string()).cloned()).collect();
    if let Some(text) = text {
        fields.remove("oneOf");
        fields.insert("type".to_owned(), "string".into());
        fields.insert("enum".to_owned(), text.into());
    }
}

/// Writes a list of types instead of a choice with null. The field's own keywords are more specific than its type's.
pub fn null_as_type(fields: &mut Map<String, Value>) {
    let Some([Value::Object(value), null]) = fields.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) else { return };
    let mut value = value.clone();
    constants_as_enum(&mut value);
    let Some(ty) = value.get("type").filter(|ty| ty.is_string() && null.get("type") == Some(&"null".into())).cloned() else { return };
    value.insert("type".to_owned(), json!([ty, "null"]));
    if let Some(Value::Array(choices)) = value.get_mut("enum") {
        choices.push(Value::Null);
    }
    fields.remove("anyOf");
    value.append(fields);
    *fields = value;
}
