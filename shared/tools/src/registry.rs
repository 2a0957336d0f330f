//! The list of tools.

use domain::command::{CancelReminder, CreateTask, ScheduleReminder, SetPriority, SnoozeReminder, TagTask, TaskCommand, Undo, UpdateTask};
use domain::query::{ListOccurrences, ListReminders, ListTasks, ListTrash, SearchTasks};
use domain::routes::{self, Operation, Route};
use serde_json::Value;

use crate::schema;

/// The effect of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads only.
    Reads,
    /// Changes data; a second call changes it again.
    Adds,
    /// Changes data; a second call has no further effect.
    Sets,
    /// Deletes something.
    Deletes,
}

/// A tool of the assistant.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// Its name in calls.
    pub name: &'static str,
    /// Its name for users.
    pub title: &'static str,
    /// Description for models: its effect, and mistakes to avoid.
    pub description: &'static str,
    /// What calling it does.
    pub effect: Effect,
    /// Its operation.
    pub(crate) operation: &'static str,
    /// The field of its answer, if the answer is not one task.
    pub(crate) answer: &'static str,
    schema: fn() -> Value,
}

impl Tool {
    /// Returns the JSON Schema (draft 2020-12) of its arguments: an object, without references.
    #[must_use]
    pub fn schema(&self) -> Value {
        (self.schema)()
    }

    /// Returns the JSON Schema of its output: an object, without references.
    #[must_use]
    pub fn output_schema(&self) -> Value {
        schema::output(self.answer, self.changes())
    }

    /// True if the tool changes data; false if it only reads.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.effect != Effect::Reads
    }

    /// Returns its function and operation.
    pub(crate) fn target(&self) -> Option<(&'static Route, &'static Operation)> {
        let mut operations = routes::ALL.iter().flat_map(|route| route.operations.iter().map(move |operation| (route, operation)));
        operations.find(|(_, operation)| operation.id == self.operation)
    }
}

/// Returns the tool with this name.
#[must_use]
pub fn of(name: &str) -> Option<&'static Tool> {
    ALL.iter().find(|tool| tool.name == name)
}

/// Every tool.
pub const ALL: &[Tool] = &[
    Tool {
        name: "create_task",
        title: "Create a task",
        description: "Creates a task. A due_date without a time (2027-01-05) makes it all-day: give a time only if the user said one. A recurrence \
            or a reminder needs a due date. For anything but daily, weekly or monthly use recurrence_rule (an RFC 5545 RRULE) and leave \
            recurrence out.",
        effect: Effect::Adds,
        operation: "createTask",
        answer: "task",
        schema: schema::of::<CreateTask>,
    },
    Tool {
        name: "list_tasks",
        title: "List tasks",
        description: "Lists tasks, by status, priority, tags and due date. due is overdue, today, tomorrow, week or none. \
            total_count says how many match; limit and offset page through them.",
        effect: Effect::Reads,
        operation: "listTasks",
        answer: "tasks",
        schema: schema::list::<ListTasks>,
    },
    Tool {
        name: "search_tasks",
        title: "Search tasks",
        description: "Searches titles, descriptions and tags by words, beginnings and parts of words; all of them have to be there. #work is the tag. Use it to find the \
            number of a task that is named by its title.",
        effect: Effect::Reads,
        operation: "searchTasks",
        answer: "tasks",
        schema: schema::list::<SearchTasks>,
    },
    Tool {
        name: "get_task",
        title: "Get a task",
        description: "Returns one task with all fields and the whole description; lists omit some.",
        effect: Effect::Reads,
        operation: "getTask",
        answer: "task",
        schema: schema::of::<TaskCommand>,
    },
    Tool {
        name: "update_task",
        title: "Change a task",
        description: "Changes fields of a task; those left out stay as they are, null clears due_date, recurrence_rule and reminder_offset. tags \
            replaces all tags. due_date moves this occurrence of a recurring task alone; recurrence_start moves the whole series. A due_date \
            without a time (2027-01-05) makes the task all-day.",
        effect: Effect::Sets,
        operation: "updateTask",
        answer: "task",
        schema: schema::of::<UpdateTask>,
    },
    Tool {
        name: "complete_task",
        title: "Complete a task",
        description: "Marks a task as done. A recurring task then gets its next occurrence, as a new task.",
        effect: Effect::Sets,
        operation: "completeTask",
        answer: "task",
        schema: schema::of::<TaskCommand>,
    },
    Tool {
        name: "reopen_task",
        title: "Reopen a task",
        description: "Makes a completed task pending again.",
        effect: Effect::Sets,
        operation: "reopenTask",
        answer: "task",
        schema: schema::of::<TaskCommand>,
    },
    Tool {
        name: "skip_task",
        title: "Skip an occurrence",
        description: "Moves a recurring task to its next occurrence without completing it.",
        effect: Effect::Adds,
        operation: "skipTask",
        answer: "task",
        schema: schema::of::<TaskCommand>,
    },
    Tool {
        name: "list_occurrences",
        title: "List the next due dates",
        description: "Lists the next due dates of a recurring task.",
        effect: Effect::Reads,
        operation: "listOccurrences",
        answer: "occurrences",
        schema: schema::of::<ListOccurrences>,
    },
    Tool {
        name: "delete_task",
        title: "Delete a task",
        description: "Moves a task to the trash, from which restore_task restores it within 30 days. If the task is done, complete it instead.",
        effect: Effect::Deletes,
        operation: "deleteTask",
        answer: "deleted",
        schema: schema::of::<TaskCommand>,
    },
    Tool {
        name: "restore_task",
        title: "Restore a task",
        description: "Restores a deleted task from the trash; list_trash shows its number.",
        effect: Effect::Sets,
        operation: "restoreTask",
        answer: "task",
        schema: schema::of::<TaskCommand>,
    },
    Tool {
        name: "list_trash",
        title: "List deleted tasks",
        description: "Lists the tasks that were deleted in the last 30 days, newest first.",
        effect: Effect::Reads,
        operation: "listTrash",
        answer: "tasks",
        schema: schema::list::<ListTrash>,
    },
    Tool {
        name: "undo_change",
        title: "Undo a change",
        description: "Undoes one change of a task. change_id is in the result of the call that made it.",
        effect: Effect::Adds,
        operation: "undo",
        answer: "task",
        schema: schema::of::<Undo>,
    },
    Tool {
        name: "set_priority",
        title: "Set a task's priority",
        description: "Sets a task's priority.",
        effect: Effect::Sets,
        operation: "setPriority",
        answer: "task",
        schema: schema::of::<SetPriority>,
    },
    Tool {
        name: "add_tags",
        title: "Add tags to a task",
        description: "Adds tags to a task.",
        effect: Effect::Sets,
        operation: "addTags",
        answer: "task",
        schema: schema::of::<TagTask>,
    },
    Tool {
        name: "remove_tags",
        title: "Remove tags from a task",
        description: "Removes tags from a task.",
        effect: Effect::Sets,
        operation: "removeTags",
        answer: "task",
        schema: schema::of::<TagTask>,
    },
    Tool {
        name: "list_tags",
        title: "List tags",
        description: "Lists all tags with the number of tasks that have them.",
        effect: Effect::Reads,
        operation: "listTags",
        answer: "tags",
        schema: schema::nothing,
    },
    Tool {
        name: "schedule_reminder",
        title: "Remind of a task",
        description: "Schedules a reminder of a pending task, this long before its due date, which must be in the future.",
        effect: Effect::Sets,
        operation: "scheduleReminder",
        answer: "reminder",
        schema: schema::of::<ScheduleReminder>,
    },
    Tool {
        name: "list_reminders",
        title: "List reminders",
        description: "Lists reminders, of one task or of one status.",
        effect: Effect::Reads,
        operation: "listReminders",
        answer: "reminders",
        schema: schema::of::<ListReminders>,
    },
    Tool {
        name: "cancel_reminder",
        title: "Cancel a reminder",
        description: "Cancels a reminder by its number, which list_reminders shows.",
        effect: Effect::Deletes,
        operation: "cancelReminder",
        answer: "cancelled",
        schema: schema::of::<CancelReminder>,
    },
    Tool {
        name: "snooze_reminder",
        title: "Snooze a reminder",
        description: "Snoozes a reminder by its number, which list_reminders shows: `for` is how long from now, such as \"10 minutes\", \
            `until` a time. Give one of the two.",
        effect: Effect::Adds,
        operation: "snoozeReminder",
        answer: "reminder",
        schema: schema::of::<SnoozeReminder>,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_function_and_a_name_of_its_own() {
        let mut names: Vec<_> = ALL.iter().map(|tool| tool.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for tool in ALL {
            let (_, operation) = tool.target().unwrap_or_else(|| panic!("{} is no operation", tool.operation));
            let reads = operation.command.is_none();
            assert_eq!(tool.effect == Effect::Reads, reads, "{}: a command changes, everything else looks", tool.name);
        }
    }

    #[test]
    fn every_command_is_a_tool() {
        let commands = routes::ALL.iter().flat_map(|route| route.operations).filter(|operation| operation.command.is_some());
        for operation in commands {
            let does = |tool: &Tool| tool.target().is_some_and(|(_, own)| own.command == operation.command);
            assert!(ALL.iter().any(does), "{} is no tool", operation.id);
        }
    }

    #[test]
    fn a_schema_names_the_fields_of_the_path_and_refuses_unknown_ones() {
        for tool in ALL {
            let schema = tool.schema();
            assert_eq!(schema["type"], "object", "{}", tool.name);
            assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
            let text = schema.to_string();
            assert!(!text.contains("$ref") && !text.contains("$schema"), "{}: {text}", tool.name);
            let (_, operation) = tool.target().unwrap();
            for name in operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                assert!(schema["properties"].get(name).is_some(), "{}: {name}", tool.name);
                assert!(schema["required"].as_array().is_some_and(|required| required.contains(&name.into())), "{}: {name}", tool.name);
            }
        }
    }

    #[test]
    fn a_list_is_as_long_as_a_model_can_read() {
        let schema = of("list_tasks").unwrap().schema();
        assert_eq!(schema["properties"]["limit"]["maximum"], crate::call::LIMIT_MAX);
        assert_eq!(schema["properties"]["tags"]["type"], "array");
    }
}
