//! Types that are text in JSON and in query strings: `Display` writes them, and `FromStr` reads them.

use crate::change::ChangeId;
use crate::chat::ConversationId;
use crate::event::{CommandType, EventType, Topic};
use crate::moment::{Day, Moment};
use crate::preferences::{DayStart, Locale};
use crate::recurrence::Rule;
use crate::zone::Zone;
use crate::{ReminderOffset, Timestamp};

macro_rules! text {
    ($($type:ty),+) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

text!(Timestamp, Day, Moment, DayStart, Locale, Zone, ReminderOffset, Rule, EventType, CommandType, Topic, ConversationId, ChangeId);
