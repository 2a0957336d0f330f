"""A client of openapi-python-client, against the Taskflow of the first argument."""

import sys

from taskflow_client import Client
from taskflow_client.api.tags import remove_tags
from taskflow_client.api.tasks import create_task, get_task, list_tasks, patch_task, search_tasks, update_task
from taskflow_client.models import CreateTask, Problem, SearchTasks, Task, UpdateTaskBody

client = Client(base_url=sys.argv[1])

# A field with a default may be left out.
created = create_task.sync(client=client, body=CreateTask(title="Pay rent", tags=["home", "money"]))
assert isinstance(created, Task) and created.priority == "medium", created
patched = patch_task.sync(created.id, client=client, body=UpdateTaskBody(title="Pay the rent"))
assert isinstance(patched, Task) and (patched.title, patched.version) == ("Pay the rent", 2), patched
stale = update_task.sync_detailed(created.id, client=client, body=UpdateTaskBody(title="x"), if_match='"1"')
assert stale.status_code == 412 and isinstance(stale.parsed, Problem), stale
known = get_task.sync_detailed(created.id, client=client, if_none_match='"2"')
assert known.status_code == 304, known
untagged = remove_tags.sync(created.id, client=client, tags=["home", "x"])
assert isinstance(untagged, Task) and untagged.tags == ["money"], untagged
listed = list_tasks.sync(client=client, tags="money", limit=5)
assert isinstance(listed, list) and len(listed) == 1, listed
found = search_tasks.sync(client=client, body=SearchTasks(query="rent"))
assert found.total_count == 1, found
wrong = create_task.sync(client=client, body=CreateTask(title=""))
assert isinstance(wrong, Problem) and wrong.errors[0].pointer == "/title", wrong
print("python: works")
