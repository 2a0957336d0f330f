#!/usr/bin/env python3
"""Tests CalDAV with other implementations: the package caldav with its server tester, vdirsyncer, todoman. Called by `just caldav`; TASKFLOW_URL
names a Taskflow with an empty database, and WORK a temporary folder."""

import datetime, json, os, pathlib, re, subprocess, sys, time, urllib.error, urllib.request

import caldav, icalendar

BASE, WORK = os.environ["TASKFLOW_URL"], pathlib.Path(os.environ["WORK"])
BIN = pathlib.Path(sys.executable).parent
# Checks of caldav-server-tester that a calendar without events can pass, and the features that they must find. Its other checks store events first.
CHECKS = ["CheckGetCurrentUserPrincipal", "CheckNonExistingResource", "CheckPropfindAllprop", "CheckSupportedComponentSet", "CheckTodoTimeRangeStrict",
          "CheckTodoUncomplete", "CheckWWWAuthenticate"]
FULL = {
    "auth.www-authenticate", "auth.www-authenticate.usable-scheme", "get-current-user-principal", "non-existing-raises-not-found.object", "propfind",
    "propfind.allprop", "propfind.allprop.resourcetype", "propfind.displayname", "save-load.todo", "save-load.todo.uncomplete", "search.comp-type",
    "search.time-range.todo", "search.time-range.todo.strict",
}


def api(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **more)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return done.stdout


def tasks(**wanted):
    found = api("GET", "/api/tasks?limit=500")
    return [task for task in found if all(task[name] == value for name, value in wanted.items())]


def reminded(task, offsets):
    """Waits until a task has these pending reminders. An event creates the task's own reminder, so it arrives later."""
    for _ in range(100):
        pending = sorted(own["reminder_offset"] for own in api("GET", f"/api/reminders?task_id={task['id']}&status=pending"))
        if pending == offsets:
            return
        time.sleep(0.1)
    raise SystemExit(f"the reminders are {pending}, not {offsets}")


def package(password):
    """Tests the package caldav: discovery, a task written and read, each mode of completing a series, deletion."""
    client = caldav.DAVClient(url=f"{BASE}/dav/", username="me", password=password)
    calendars = client.principal().calendars()
    assert [calendar.get_display_name() for calendar in calendars] == ["Tasks"], calendars
    calendar = calendars[0]
    due = datetime.datetime(2099, 3, 1, 9, 0, tzinfo=datetime.timezone.utc)
    todo = calendar.save_todo(summary="Call Ann", due=due, priority=1, categories=["Work"])
    task, = tasks(title="Call Ann")
    assert (task["priority"], task["tags"], task["due_date"]) == ("high", ["work"], "2099-03-01T09:00:00.000000Z"), task
    api("PUT", f"/api/tasks/{task['id']}", {"title": "Call Ann back"})
    todo.load()
    assert todo.icalendar_component["summary"] == "Call Ann back"
    # A reminder that is added in Taskflow is an alarm, and an alarm that the client adds or deletes is a reminder.
    api("POST", "/api/reminders", {"task_id": task["id"], "reminder_offset": "1 day"})
    todo.load()
    alarm, = todo.icalendar_component.walk("VALARM")
    assert alarm["trigger"].dt == datetime.timedelta(days=-1), alarm
    other = icalendar.Alarm()
    other.add("action", "DISPLAY")
    other.add("trigger", datetime.timedelta(hours=-1))
    todo.icalendar_component.add_component(other)
    todo.save()
    reminded(task, ["1 day", "1 hour"])
    todo.icalendar_component.subcomponents.clear()
    todo.save()
    reminded(task, [])
    todo.complete()
    assert tasks(title="Call Ann back")[0]["status"] == "completed"
    assert [found.icalendar_component["summary"] for found in calendar.todos()] == [], "what is completed is no open task"
    assert len(calendar.todos(include_completed=True)) == 1
    todo.delete()
    assert tasks() == [] and len(api("GET", "/api/trash")) == 1
    for mode in ("safe", "thisandfuture"):
        title = f"Water the plants ({mode})"
        now = datetime.datetime.now(datetime.timezone.utc)
        first = (now - datetime.timedelta(days=1)).replace(hour=23, minute=59, second=0, microsecond=0)
        # With BYDAY, the package follows the rule's dates. Without it, the package counts from the completion.
        rule = {"FREQ": "WEEKLY", "BYDAY": ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]}
        series = calendar.save_todo(summary=title, due=first, dtstart=first - datetime.timedelta(hours=1), rrule=rule)
        series.complete(handle_rrule=True, rrule_mode=mode, completion_timestamp=now)
        pending = [task for task in tasks(title=title) if task["status"] == "pending"]
        assert len(pending) == 1, (mode, pending)
        assert pending[0]["due_date"] > now.isoformat() and pending[0]["parent_task_id"], (mode, pending)
    for task in tasks():
        api("DELETE", f"/api/tasks/{task['id']}")
    print("caldav: found, written, read, edited on both sides, completed in each of its modes, deleted")


def tester(password):
    """Checks the features that the server tester finds fully supported."""
    found = {}
    for check in CHECKS:
        command = [BIN / "caldav-server-tester", "--caldav-url", f"{BASE}/dav/", "--caldav-user", "me", "--caldav-pass", password, "--caldav-calendar", "Tasks",
                   "--format", "text", "--verbose", "--run-checks", check]
        said = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
        for name, level in re.findall(r"^## (\S+)\nFeature support level found: (\S+)", said, re.MULTILINE):
            found.setdefault(name, set()).add(level)
    missing = {name: found.get(name, "not checked") for name in FULL if found.get(name) != {"full"}}
    if missing:
        raise SystemExit(f"caldav-server-tester: not fully supported: {missing}")
    print(f"caldav-server-tester: {len(FULL)} features of a calendar of tasks are fully supported")


def vdirsyncer(password):
    """Tests vdirsyncer in both directions, with a conflict, and todoman on its folder."""
    folder = WORK / "vdir"
    (folder / "status").mkdir(parents=True)
    config = folder / "config"
    config.write_text(f"""
[general]
status_path = "{folder}/status"
[pair tasks]
a = "local"
b = "taskflow"
collections = ["from b"]
conflict_resolution = "b wins"
[storage local]
type = "filesystem"
path = "{folder}/local"
fileext = ".ics"
[storage taskflow]
type = "caldav"
url = "{BASE}/dav/"
username = "me"
password = "{password}"
item_types = ["VTODO"]
""")
    sync = lambda: run(BIN / "vdirsyncer", "-c", config, "sync")
    api("POST", "/api/tasks", {"title": "From Taskflow", "due_date": "2099-05-01"})
    subprocess.run([str(BIN / "vdirsyncer"), "-c", str(config), "discover"], input="y\ny\n", text=True, capture_output=True, timeout=60, check=True)
    sync()
    local = folder / "local" / "tasks"
    own, = local.glob("*.ics")
    assert "SUMMARY:From Taskflow" in own.read_text()
    (local / "mine.ics").write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VTODO\r\nUID:mine\r\nDTSTAMP:20260101T000000Z\r\n"
                                    "SUMMARY:From a file\r\nX-OWN:kept\r\nEND:VTODO\r\nEND:VCALENDAR\r\n")
    own.write_text(own.read_text().replace("SUMMARY:From Taskflow", "SUMMARY:Edited in the file"))
    sync()
    assert len(tasks(title="From a file")) == 1 and len(tasks(title="Edited in the file")) == 1, tasks()
    # Both sides change the same task. Taskflow's version wins, and vdirsyncer reports the conflict.
    task, = tasks(title="From a file")
    api("PUT", f"/api/tasks/{task['id']}", {"title": "Edited in Taskflow"})
    (local / "mine.ics").write_text((local / "mine.ics").read_text().replace("From a file", "Edited in the other file"))
    sync()
    text = (local / "mine.ics").read_text()
    assert "SUMMARY:Edited in Taskflow" in text and "X-OWN:kept" in text, text
    listed = run(BIN / "todo", "--config", todoman_config(folder, local), "list")
    assert "Edited in Taskflow" in listed and "Edited in the file" in listed, listed
    # todoman completes a task in its file.
    number = next(line.split()[2] if line.split()[0] == "[" else line.split()[1] for line in listed.splitlines() if "Edited in Taskflow" in line)
    run(BIN / "todo", "--config", todoman_config(folder, local), "done", number.strip("]"))
    sync()
    assert tasks(title="Edited in Taskflow")[0]["status"] == "completed"
    own.unlink()
    # vdirsyncer refuses to delete all items of one side.
    api("POST", "/api/tasks", {"title": "Stays"})
    sync()
    assert tasks(title="Edited in the file") == []
    api("DELETE", f"/api/tasks/{task['id']}")
    sync()
    left = sorted(path.read_text() for path in local.glob("*.ics"))
    assert len(left) == 1 and "SUMMARY:Stays" in left[0], left
    again = sync()
    assert "Copying" not in again and "Deleting" not in again, again
    print("vdirsyncer: both ways, an edit on each side, a conflict, deletions; todoman: listed and completed")


def todoman_config(folder, local):
    config = folder / "todoman.py"
    config.write_text(f'path = "{local.parent}/*"\ncache_path = "{folder}/cache.sqlite3"\ndefault_list = "tasks"\n')
    return config


def main():
    made = api("POST", "/api/app-passwords", {"name": "test"})
    package(made["password"])
    vdirsyncer(made["password"])
    tester(made["password"])
    api("DELETE", f"/api/app-passwords/{made['id']}")
    try:
        caldav.DAVClient(url=f"{BASE}/dav/", username="me", password=made["password"]).principal().calendars()
    except (caldav.lib.error.AuthorizationError, urllib.error.HTTPError):
        print("a revoked app password opens nothing")
        return
    raise SystemExit("a revoked app password still works")


main()
