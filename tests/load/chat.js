// Users who talk to the assistant: add a task, ask about it, complete it. Run it without GEMINI_API_KEY: then the offline assistant answers.
// Otherwise, a model of Google's would be measured, and paid for.

import exec from 'k6/execution';
import { check } from 'k6';
import { answered, call, number, seconds, summary, thresholds } from './parts.js';

const users = number('LOAD_USERS', 20);

export const options = {
  ...summary,
  scenarios: { chat: { executor: 'constant-vus', vus: users, duration: `${seconds}s`, gracefulStop: '30s' } },
  // There are no limits for the assistant; its times are only shown.
  thresholds: thresholds({}, { 'http_req_duration{name:/api/chat}': ['max>=0'] }),
};

function say(message, conversation) {
  const body = conversation ? { message, conversation_id: conversation } : { message };
  const answer = answered(call('POST', '/api/chat', body), 200, 'a message');
  check(answer, { 'the assistant says something': (said) => Boolean(said && said.response) });
  return answer;
}

export default function chat() {
  const tag = `load-${exec.vu.idInTest}-${exec.vu.iterationInScenario}-${exec.scenario.startTime}`;
  const added = say(`add buy milk #${tag} !high`);
  if (!added) {
    return;
  }
  const conversation = added.conversation_id;
  const [task] = answered(call('GET', `/api/tasks?tags=${tag}`, undefined, '/api/tasks?tags'), 200, 'the list') || [];
  check(task, { 'what was asked for is there': (made) => Boolean(made) && made.priority === 'high' });
  const overdue = say('what is overdue?', conversation);
  check(overdue, { 'a conversation goes on': (said) => Boolean(said) && said.conversation_id === conversation });
  if (!task) {
    return;
  }
  const completed = say(`complete ${task.id}`, conversation);
  check(completed, { 'what was done is listed': (said) => Boolean(said) && said.actions.length > 0 });
  const after = answered(call('GET', `/api/tasks/${task.id}`, undefined, '/api/tasks/{id}'), 200, 'a task');
  check(after, { 'what was said is done': (made) => Boolean(made) && made.status === 'completed' });
}
