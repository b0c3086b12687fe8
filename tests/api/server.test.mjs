// A server that was used, by its own API: what a turn of the loop left, who may do what, and a restart after kill -9.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const { CAPSTAN_URL: url, CAPSTAN_KEY: adminKey, CAPSTAN_MODEL: model, CAPSTAN_HOME: home, CAPSTAN_PROGRAM: program } = process.env;

async function call(method, path, { body, key = adminKey } = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, json: text ? JSON.parse(text) : null, headers: response.headers };
}

const ask = (extra = {}) =>
  call('POST', '/v1/chat/completions', {
    body: { model, messages: [{ role: 'user', content: 'What does `cp` do?' }], max_tokens: 8, ...extra },
  });

async function until(condition, what) {
  for (let i = 0; i < 200; i += 1) {
    const found = await condition();
    if (found) {
      return found;
    }
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

const traceOf = (id) =>
  until(async () => {
    const trace = await call('GET', `/api/v1/traces/${id}`);
    return trace.status === 200 && trace.json;
  }, `the trace ${id}`);

test('every stage of the loop has been gone through', async () => {
  const { json } = await call('GET', '/api/v1/loop');
  assert.deepEqual(
    json.stages.map((stage) => [stage.id, stage.state]),
    ['curate', 'tokenizer', 'pretrain', 'adapt', 'evaluate', 'register', 'deploy', 'use', 'decide'].map((id) => [id, 'succeeded']),
  );
});

test('a call leaves a trace with its tokens, its cost and the time to its first token', async () => {
  const answer = await ask();
  assert.equal(answer.status, 200);
  const trace = await traceOf(answer.json.id);
  assert.equal(trace.completion_tokens, answer.json.usage.completion_tokens);
  assert.equal(trace.target, answer.headers.get('x-capstan-target'));
  assert.ok(trace.ttft_ms > 0 && trace.ttft_ms <= trace.duration_ms);
  const price = (await call('GET', '/api/v1/spend/prices')).json.items.find((item) => item.model === model);
  const cost =
    (trace.prompt_tokens * price.prompt_usd_per_million + trace.completion_tokens * price.completion_usd_per_million) / 1e6;
  assert.ok(Math.abs(trace.cost_usd - cost) < 1e-12, `${trace.cost_usd} is not ${cost}`);
});

test('feedback is kept once a key and shown with the trace', async () => {
  const { json } = await ask();
  const score = { response_id: json.id, name: 'helpful', value: true, idempotency_key: `test-${json.id}` };
  const first = await call('POST', '/api/v1/feedback', { body: score });
  assert.equal(first.status, 201);
  assert.equal((await call('POST', '/api/v1/feedback', { body: { ...score, value: false } })).json.id, first.json.id);
  const trace = await traceOf(json.id);
  assert.deepEqual(trace.scores.map((given) => [given.name, given.value]), [['helpful', 1]]);
});

test('lineage leads from an answer to a manual page', async () => {
  const { json: loop } = await call('GET', '/api/v1/loop');
  const { json: graph } = await call('GET', `/api/v1/lineage/response:${loop.lineage_example}?depth=12`);
  const kinds = new Set(graph.nodes.map((node) => node.kind));
  for (const kind of ['response', 'model_version', 'run', 'dataset_commit', 'record', 'source']) {
    assert.ok(kinds.has(kind), `no ${kind} in ${[...kinds]}`);
  }
  const reached = new Set([graph.root]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const edge of graph.edges) {
      if (reached.has(edge.from) && !reached.has(edge.to)) {
        reached.add(edge.to);
        grown = true;
      }
    }
  }
  assert.ok(graph.nodes.every((node) => reached.has(node.id)), 'a node hangs in the air');
});

test('the same reader gets the same target', async () => {
  const targets = new Set();
  for (let i = 0; i < 5; i += 1) {
    targets.add((await ask({ user: 'a faithful reader', max_tokens: 1 })).headers.get('x-capstan-target'));
  }
  assert.equal(targets.size, 1);
});

test('roles may do what they may, and a revoked key nothing', async () => {
  const made = await call('POST', '/api/v1/keys', { body: { name: `viewer ${Date.now()}`, role: 'viewer' } });
  assert.equal(made.status, 201);
  const key = made.json.key;
  assert.equal((await call('GET', '/api/v1/runs', { key })).status, 200);
  const refused = await call('POST', '/v1/chat/completions', { key, body: { model, messages: [] } });
  assert.equal(refused.status, 403);
  assert.match(refused.json.error.message, /inference\.invoke/);
  assert.equal((await call('GET', '/api/v1/keys', { key })).status, 403);
  assert.equal((await call('DELETE', `/api/v1/keys/${made.json.id}`)).status, 204);
  assert.equal((await call('GET', '/api/v1/runs', { key })).status, 401);
  const audit = await call('GET', '/api/v1/audit');
  assert.ok(audit.json.items.some((event) => event.outcome === 'denied'));
});

test('wrong input is refused with a message that names the thing', async () => {
  const wrong = [
    ['POST', '/api/v1/curations', { name: 'x', spec: { sources: [{ type: 'manpages' }], no_such: 1 } }, /no_such/],
    ['POST', '/api/v1/training-runs', { name: 'x', task: 'dance' }, /task/],
    ['POST', '/api/v1/deployments', { name: 'x', targets: [{ label: 'a', model: 'none', number: 1, weight: 1 }] }, /none/],
    ['GET', '/api/v1/runs?limit=0', undefined, /limit/],
    ['GET', '/api/v1/lineage/what', undefined, /KIND:ID/],
  ];
  for (const [method, path, body, pattern] of wrong) {
    const answer = await call(method, path, { body });
    assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`);
    assert.match(answer.json.error.message, pattern);
  }
});

test('the command line reads what the server has', () => {
  const table = execFileSync(program, ['--home', home, 'run', 'list'], { encoding: 'utf8' });
  assert.match(table, /pretrain +succeeded/);
  const loop = JSON.parse(execFileSync(program, ['--home', home, '--json', 'loop', 'show'], { encoding: 'utf8' }));
  assert.equal(loop.stages.length, 9);
});

test('nothing that was acknowledged is lost when the server is killed, and no engine outlives it', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask()));
  const { pid } = JSON.parse(readFileSync(`${home}/server.json`, 'utf8'));
  const { json: before } = await call('GET', `/api/v1/deployments/${model}`);
  const engines = before.targets.flatMap((target) => target.replicas.map((replica) => replica.pid)).filter((found) => found > 0);
  process.kill(pid, 'SIGKILL');
  await until(() => engines.every((engine) => !isAlive(engine)), 'the engines to die with the server');
  // Without our own variables: a server refuses settings that it does not know.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CAPSTAN_')));
  spawn(program, ['--home', home, 'serve', '--port', new URL(url).port], { env, detached: true, stdio: 'ignore' }).unref();
  await until(() => fetch(`${url}/readyz`).then((response) => response.ok, () => false), 'the server to come back');
  for (const answer of answers) {
    assert.equal((await traceOf(answer.json.id)).completion_tokens, answer.json.usage.completion_tokens);
  }
  await until(async () => (await ask()).status === 200, 'the engines to come back');
});

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
