//! Reads JSON item by item: objects field by field and lists item by item, so that no list is in memory.

use std::cell::Cell;
use std::fmt;
use std::io;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Ended, Meter, Metered, Sink};
use crate::item::{Foreign, Read, Scene};

/// Handles the fields of an object, in order.
pub(super) trait Walk {
    /// Another object begins.
    fn begin(&mut self) {}

    /// Reads the value of this field from the map, or leaves the field to the caller, which skips it.
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, values: &mut A) -> Result<Taken, A::Error>;
}

/// Whether a field was read.
pub(super) enum Taken {
    Yes,
    No,
}

/// Keeps why items were refused, because a JSON error cannot carry it.
pub(super) type Refused = Cell<Option<Ended>>;

/// Reads the only value of a document.
pub(super) fn document<R: io::Read, V>(metered: Metered<R>, refused: &Refused, visitor: V) -> Result<(), Ended>
where
    V: for<'de> Visitor<'de, Value = ()>,
{
    let mut reader = serde_json::Deserializer::from_reader(metered);
    let read = By(visitor).deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| refused.take().unwrap_or_else(|| Ended::Wrong(format!("it is not as expected: {error}"))))
}

/// Handles an item, and keeps the reason if it is refused.
pub(super) fn hand<E: Error>(sink: &mut Sink, refused: &Refused, read: Read) -> Result<(), E> {
    sink(read).map_err(|ended| {
        refused.set(Some(ended));
        E::custom("refused")
    })
}

/// Reads any value by a visitor.
pub(super) struct By<V>(pub(super) V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for By<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// An object.
pub(super) struct Object<'w, W>(pub(super) &'w mut W);

impl<'de, W: Walk> Visitor<'de> for Object<'_, W> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(name) = values.next_key::<String>()? {
            if let Taken::No = self.0.field(&name, &mut values)? {
                values.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A list of objects, read one after the other.
pub(super) struct Objects<'w, W> {
    pub(super) meter: Meter,
    pub(super) walker: &'w mut W,
}

impl<'de, W: Walk> Visitor<'de> for Objects<'_, W> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a list of objects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        loop {
            self.meter.begin();
            self.walker.begin();
            if items.next_element_seed(By(Object(self.walker)))?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Handles the items of a list, in order.
pub(super) trait Take {
    /// Handles an item.
    fn item<E: Error>(&mut self, item: Value) -> Result<(), E>;
}

/// A list of items.
pub(super) struct Items<'t, T> {
    pub(super) meter: Meter,
    pub(super) taker: &'t mut T,
}

impl<'de, T: Take> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        loop {
            self.meter.begin();
            let Some(item) = items.next_element::<Value>()? else { return Ok(()) };
            self.taker.item(item)?;
        }
    }
}

/// An object with a `title` and a list of tasks: a list of Google Tasks, a project of Vikunja.
pub(super) struct NamedList<'a, 's> {
    /// The name of the field with the tasks.
    pub(super) items: &'static str,
    pub(super) meter: Meter,
    pub(super) sink: &'a mut Sink<'s>,
    pub(super) refused: &'a Refused,
    pub(super) scene: &'a Scene,
    /// The number of the last task.
    pub(super) line: i64,
    /// The title of the current object; empty if it follows the tasks.
    pub(super) title: String,
    /// Reads a task from its number, the title and the item.
    pub(super) task: fn(i64, &str, &Value) -> Foreign,
}

impl Walk for NamedList<'_, '_> {
    fn begin(&mut self) {
        self.title.clear();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, values: &mut A) -> Result<Taken, A::Error> {
        if name == self.items {
            values.next_value_seed(By(Items { meter: self.meter.clone(), taker: self }))?;
        } else if name == "title" {
            self.title = values.next_value::<Option<String>>()?.unwrap_or_default();
        } else {
            return Ok(Taken::No);
        }
        Ok(Taken::Yes)
    }
}

impl Take for NamedList<'_, '_> {
    fn item<E: Error>(&mut self, item: Value) -> Result<(), E> {
        self.line += 1;
        hand(self.sink, self.refused, (self.task)(self.line, &self.title, &item).read(self.scene))
    }
}
