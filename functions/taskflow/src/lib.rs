//! Every function of Taskflow, for the one process and for tests.

use function::Function;

/// Every function that the gateway routes to.
#[must_use]
pub fn functions() -> Vec<Function> {
    vec![
        // Written by `just manifests` from shared/domain/src/routes.rs; edits are lost.
        bulk_tasks::function(),
        cancel_reminder::function(),
        chat::function(),
        complete_task::function(),
        create_task::function(),
        delete_task::function(),
        fire_reminder::function(),
        get_task::function(),
        health::function(),
        housekeeping::function(),
        list_reminders::function(),
        list_tags::function(),
        list_tasks::function(),
        mail_reminder::function(),
        mcp::function(),
        notify::function(),
        post_webhook::function(),
        preferences::function(),
        publish_events::function(),
        push_reminder::function(),
        record_audit::function(),
        reopen_task::function(),
        schedule_reminder::function(),
        search_tasks::function(),
        set_priority::function(),
        skip_task::function(),
        snooze_reminder::function(),
        spawn_recurrence::function(),
        tag_task::function(),
        transfer::function(),
        trash::function(),
        undo::function(),
        update_task::function(),
        web::function(),
        // End of what `just manifests` writes.
    ]
}

/// The way in.
#[must_use]
pub fn gateway() -> Function {
    gateway::function()
}
