//! Times in the user's zone: read without an offset as local, and shown with the zone's offset.

use domain::Timestamp;
use domain::zone::Zone;
use jiff::civil::DateTime;
use serde_json::Value;

/// Request fields that are times.
const READ: &[&str] =
    &["due_date", "recurrence_start", "recurrence_exdates", "due_before", "due_after", "completed_before", "completed_after"];
/// Response fields that are times.
const SHOWN: &[&str] = &[
    "due_date",
    "created_at",
    "updated_at",
    "completed_at",
    "recurrence_start",
    "recurrence_id",
    "recurrence_exdates",
    "scheduled_at",
    "triggered_at",
    "sent_at",
];

/// Adds the zone's offset to each time without one. Other text is unchanged.
pub(crate) fn with_offsets(value: &mut Value, zone: &Zone) {
    each(value, READ, &|text| {
        if text.parse::<Timestamp>().is_ok() {
            return None;
        }
        // A date without a time is a day, and stays one.
        let local = text.split_once(['T', 't', ' ']).and_then(|_| text.parse::<DateTime>().ok())?;
        let moment = local.to_zoned(zone.get().clone()).ok()?.timestamp();
        Some(Timestamp::new(moment).ok()?.to_string())
    });
}

/// Shows each time in the zone: the same instant, with the zone's offset.
pub(crate) fn in_zone(value: &mut Value, zone: &Zone) {
    each(value, SHOWN, &|text| {
        let moment: Timestamp = text.parse().ok()?;
        let zoned = moment.get().to_zoned(zone.get().clone());
        Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    });
}

fn each(value: &mut Value, names: &[&str], change: &dyn Fn(&str) -> Option<String>) {
    let replace = |text: &mut String| {
        if let Some(changed) = change(text) {
            *text = changed;
        }
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, names, change)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_named = names.contains(&name.as_str());
                match field {
                    Value::String(text) if is_named => replace(text),
                    Value::Array(items) if is_named => items.iter_mut().filter_map(text_of).for_each(replace),
                    field => each(field, names, change),
                }
            }
        }
        _ => {}
    }
}

fn text_of(value: &mut Value) -> Option<&mut String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_without_an_offset_is_the_users() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        for (given, read) in [
            ("2026-07-01T09:00", "2026-07-01T07:00:00.000000Z"),
            ("2026-12-01T09:00:00", "2026-12-01T08:00:00.000000Z"),
            ("2026-12-01 09:00", "2026-12-01T08:00:00.000000Z"),
            ("2026-12-01T09:00:00+05:00", "2026-12-01T09:00:00+05:00"),
            ("2026-12-01", "2026-12-01"),
            ("tomorrow", "tomorrow"),
        ] {
            let sent =
                |time: &str| json!({ "due_date": time, "filters": { "due_before": time }, "recurrence_exdates": [time], "title": given });
            let mut arguments = sent(given);
            with_offsets(&mut arguments, &zone);
            assert_eq!(arguments, sent(read));
        }
    }

    #[test]
    fn a_time_is_shown_by_the_users_clock() {
        let zone: Zone = "America/St_Johns".parse().unwrap();
        let mut task =
            json!([{ "due_date": "2026-12-01T09:00:00.000000Z", "description": "2026-12-01T09:00:00.000000Z", "sent_at": null }]);
        in_zone(&mut task, &zone);
        assert_eq!(
            task,
            json!([{ "due_date": "2026-12-01T05:30:00-03:30", "description": "2026-12-01T09:00:00.000000Z", "sent_at": null }])
        );
    }
}
