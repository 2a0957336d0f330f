//! Taskflow's own export, the only format that imports everything unchanged.

use std::io;

use domain::Invalid;
use domain::preferences::OwnPreferences;
use domain::transfer::{CalendarObject, EXPORT_VERSION, ExportedReminder, ExportedTask, LastIds, checked_entry};
use serde::de::{DeserializeOwned, Error, MapAccess};
use serde_json::Value;

use super::json::{By, Items, Object, Refused, Take, Taken, Walk, document, hand};
use super::{Ended, Meter, Sink};
use crate::item::{Item, Read, told};

pub(super) fn read(file: impl io::Read, sink: &mut Sink) -> Result<(), Ended> {
    let refused = Refused::default();
    let (metered, meter) = super::Metered::new(file);
    let mut export = Export {
        meter,
        items: ItemsOf { sink, refused: &refused, line: 0, of: read_task },
        last_ids: LastIds::default(),
        preferences: OwnPreferences::default(),
        has_head: false,
    };
    document(metered, &refused, Object(&mut export))?;
    if export.has_head { Ok(()) } else { Err(Ended::wrong("it has no tasks")) }
}

struct Export<'a, 's> {
    meter: Meter,
    items: ItemsOf<'a, 's>,
    last_ids: LastIds,
    preferences: OwnPreferences,
    /// True once the head has been passed on.
    has_head: bool,
}

impl Walk for Export<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, values: &mut A) -> Result<Taken, A::Error> {
        self.items.of = match name {
            "taskflow" => {
                let version: u32 = values.next_value()?;
                let is_known = version == EXPORT_VERSION;
                return if is_known { Ok(Taken::Yes) } else { Err(A::Error::custom("a later Taskflow has written it")) };
            }
            "last_ids" => {
                self.last_ids = values.next_value()?;
                return Ok(Taken::Yes);
            }
            "preferences" => {
                self.preferences = values.next_value()?;
                return Ok(Taken::Yes);
            }
            "tasks" => read_task,
            "reminders" => read_reminder,
            "audit" => read_entry,
            _ => return Ok(Taken::No),
        };
        if !self.has_head {
            self.has_head = true;
            let head = Item::Head(self.last_ids.bounded(), Box::new(self.preferences.clone()));
            hand(self.items.sink, self.items.refused, Read::new(0, head))?;
        }
        values.next_value_seed(By(Items { meter: self.meter.clone(), taker: &mut self.items }))?;
        self.meter.begin();
        Ok(Taken::Yes)
    }
}

/// An item and what is lost of it, or why it cannot be imported.
type ItemRead = Result<(Item, Option<String>), String>;

/// The items of the list that is being read.
struct ItemsOf<'a, 's> {
    sink: &'a mut Sink<'s>,
    refused: &'a Refused,
    line: i64,
    of: fn(Value) -> ItemRead,
}

impl Take for ItemsOf<'_, '_> {
    fn item<E: Error>(&mut self, item: Value) -> Result<(), E> {
        self.line += 1;
        let title = item["title"].as_str().unwrap_or_default().to_owned();
        let read = match (self.of)(item) {
            Ok((item, lost)) => Read::new(self.line, item).without(&title, lost),
            Err(why) => Read::skipped(self.line, &title, why),
        };
        hand(self.sink, self.refused, read)
    }
}

fn read_task(value: Value) -> ItemRead {
    let mut task = value_of(value, ExportedTask::checked)?;
    let object = task.calendar_object.take().map(read_object).transpose();
    let lost = object.as_ref().err().map(|why| format!("what its calendar client wrote cannot be kept: {why}"));
    task.calendar_object = object.ok().flatten();
    Ok((Item::Task(Box::new(task)), lost))
}

fn read_object(object: CalendarObject) -> Result<CalendarObject, String> {
    let object = object.checked().map_err(|invalid| told(&invalid))?;
    if !object.written.is_empty() {
        icalendar::Object::parse(&object.written).map_err(|refused| refused.to_string())?;
    }
    Ok(object)
}

fn read_reminder(value: Value) -> ItemRead {
    value_of(value, ExportedReminder::checked).map(|reminder| (Item::Reminder(Box::new(reminder)), None))
}

fn read_entry(value: Value) -> ItemRead {
    value_of(value, checked_entry).map(|entry| (Item::Audit(Box::new(entry)), None))
}

fn value_of<T: DeserializeOwned>(value: Value, check: fn(T) -> Result<T, Invalid>) -> Result<T, String> {
    let value: T = serde_json::from_value(value).map_err(|error| error.to_string())?;
    check(value).map_err(|invalid| told(&invalid))
}
