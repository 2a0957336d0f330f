// A client of openapi-typescript and openapi-fetch, against the Taskflow of the first argument.
import createClient from 'openapi-fetch';
import type { paths } from './generated.js';

const baseUrl = process.argv[2] ?? '';
const client = createClient<paths>({ baseUrl });

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(`not as it should be: ${JSON.stringify(what)}`);
}

// A field with a default may be left out.
const created = await client.POST('/api/tasks', { body: { title: 'Pay rent', due_date: '2199-01-31T09:00:00Z', tags: ['home', 'money'] } });
check(created.response.status === 201 && created.data?.priority === 'medium', created);
const task_id = created.data.id;
const one = { params: { path: { task_id } } };

const patched = await client.PATCH('/api/tasks/{task_id}', { ...one, body: { title: 'Pay the rent', reminder_offset: '1 hour' } });
check(patched.data?.version === 2 && patched.data.reminder_offset === '1 hour', patched);
const stale = await client.PUT('/api/tasks/{task_id}', { params: { path: { task_id }, header: { 'If-Match': '"1"' } }, body: { title: 'x' } });
check(stale.response.status === 412 && stale.error?.status === 412, stale);
const untagged = await client.DELETE('/api/tasks/{task_id}/tags', { params: { path: { task_id }, query: { tags: ['home', 'x'] } } });
check(JSON.stringify(untagged.data?.tags) === '["money"]', untagged);
const listed = await client.GET('/api/tasks', { params: { query: { status: 'pending', tags: 'money', limit: 5 } } });
check(listed.data?.length === 1 && listed.response.headers.get('x-total-count') === '1', listed);
const found = await client.POST('/api/tasks/search', { body: { query: 'rent' } });
check(found.data?.total_count === 1, found);
const tools = await client.POST('/mcp', { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } });
check(tools.response.status === 200, tools);
const batch = await client.POST('/batch', {
  headers: { 'content-type': 'application/cloudevents-batch+json' },
  body: [{ specversion: '1.0', id: '1', source: '/ts', type: 'task.complete', data: { task_id } }],
});
check(batch.response.status === 200, batch);
const wrong = await client.POST('/api/tasks', { body: { title: '' } });
check(wrong.response.status === 422 && wrong.error?.errors?.[0]?.pointer === '/title', wrong);
console.log('typescript: works');
