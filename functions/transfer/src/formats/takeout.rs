//! `Tasks.json` of Google Takeout: lists of tasks, whose due dates are days.

use std::io;

use domain::{Day, Moment, Timestamp};
use serde::de::MapAccess;
use serde_json::Value;

use super::json::{By, NamedList, Object, Objects, Refused, Taken, Walk, document};
use super::{Ended, Sink};
use crate::item::{Foreign, Scene};

/// Google's default list, which does not become a tag.
const DEFAULT_LIST: &str = "My Tasks";

pub(super) fn read(file: impl io::Read, scene: &Scene, sink: &mut Sink) -> Result<(), Ended> {
    let refused = Refused::default();
    let (metered, meter) = super::Metered::new(file);
    let mut takeout = Takeout(NamedList { items: "items", meter, sink, refused: &refused, scene, line: 0, title: String::new(), task });
    document(metered, &refused, Object(&mut takeout))
}

/// The document: `items` are lists.
struct Takeout<'a, 's>(NamedList<'a, 's>);

impl Walk for Takeout<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, values: &mut A) -> Result<Taken, A::Error> {
        if name != "items" {
            return Ok(Taken::No);
        }
        values.next_value_seed(By(Objects { meter: self.0.meter.clone(), walker: &mut self.0 }))?;
        Ok(Taken::Yes)
    }
}

fn task(line: i64, list: &str, item: &Value) -> Foreign {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let instant = |name: &str| text(name).parse::<Timestamp>().ok();
    let mut task = Foreign {
        line,
        key: format!("takeout:{}", text("id")),
        title: text("title").to_owned(),
        description: text("notes").to_owned(),
        due: text("due").get(..10).and_then(|day| day.parse::<Day>().ok()).map(Moment::On),
        tags: Some(list.to_owned()).filter(|list| !list.is_empty() && list != DEFAULT_LIST).into_iter().collect(),
        is_completed: text("status") == "completed",
        completed_at: instant("completed"),
        created_at: instant("created").or_else(|| instant("updated")),
        ..Foreign::default()
    };
    if task.due.is_none() && !text("due").is_empty() {
        task.cannot(format!("its date “{}” is not understood", text("due")));
    }
    if !text("parent").is_empty() {
        task.cannot("it is a sub-task; it is imported as a separate task");
    }
    for link in item["links"].as_array().into_iter().flatten() {
        let address = link["link"].as_str().unwrap_or_default();
        if !address.is_empty() {
            task.more.push(address.to_owned());
        }
    }
    task
}
