// Replicas of a deployment with real engines: none while nobody calls, a version or the rounding of weights
// that changes under load, a replica that is killed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const { CAPSTAN_URL: url, CAPSTAN_KEY: key, CAPSTAN_MODEL: served } = process.env;
const name = 'fleet';

async function call(method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}

const ask = () =>
  call('POST', '/v1/chat/completions', {
    model: name,
    messages: [{ role: 'user', content: 'What does `cp` do?' }],
    max_tokens: 8,
  });

const target = async () => (await call('GET', `/api/v1/deployments/${name}`)).json.targets[0];

async function until(condition, what) {
  for (let i = 0; i < 300; i += 1) {
    const found = await condition();
    if (found) {
      return found;
    }
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}: ${JSON.stringify(await target())}`);
}

let versions;

before(async () => {
  const { json } = await call('GET', `/api/v1/deployments/${served}`);
  versions = json.targets.map(({ model, number }) => ({ model, number }));
  const made = await call('POST', '/api/v1/deployments', {
    name,
    targets: [{ label: 'only', ...versions[0], weight: 1, replicas_min: 0, replicas_max: 2 }],
  });
  assert.equal(made.status, 201, JSON.stringify(made.json));
});

after(() => call('DELETE', `/api/v1/deployments/${name}`));

test('a target that may have no replicas has none while nobody calls', async () => {
  await until(async () => (await call('GET', `/api/v1/deployments/${name}`)).json.state === 'ready', 'the deployment');
  assert.deepEqual((await target()).replicas, []);
});

test('the first call waits for a replica, and is answered', async () => {
  const answer = await ask();
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  assert.equal((await target()).replicas.length, 1);
});

// What `change` asks for is done while callers ask; it is over when all replicas are as `isDone` says.
async function changeUnderLoad(change, isDone) {
  let over = false;
  let calls = 0;
  const failures = [];
  const callers = Array.from({ length: 4 }, async () => {
    while (!over) {
      const answer = await ask();
      calls += 1;
      if (answer.status !== 200) {
        failures.push(answer);
      }
    }
  });
  const updated = await call('PUT', `/api/v1/deployments/${name}/version`, { label: 'only', ...change });
  assert.equal(updated.status, 200, JSON.stringify(updated.json));
  await until(async () => {
    const now = await target();
    return now.replicas.length === 2 && now.replicas.every((replica) => replica.state === 'ready' && isDone(replica, now));
  }, `the change to ${JSON.stringify(change)}`);
  over = true;
  await Promise.all(callers);
  assert.ok(calls > 20, `${calls} calls`);
  assert.deepEqual(failures, []);
}

test('a version changes under load without a failed call', async () => {
  await call('PUT', `/api/v1/deployments/${name}/scale`, { label: 'only', replicas_min: 2, replicas_max: 2 });
  await until(async () => (await target()).replicas.filter((replica) => replica.state === 'ready').length === 2, 'two replicas');
  const before = (await target()).version_id;
  await changeUnderLoad(versions[1], (replica, now) => now.version_id !== before && replica.version_id === now.version_id);
});

test('weights are rounded under load without a failed call', async () => {
  const before = await target();
  assert.equal(before.quantize, 'none');
  await changeUnderLoad({ quantize: 'int8' }, (replica) => replica.quantize === 'int8');
  const now = await target();
  assert.equal(now.quantize, 'int8');
  assert.equal(now.version_id, before.version_id);
  const old = new Set(before.replicas.map((replica) => replica.pid));
  for (const { pid } of now.replicas) {
    assert.ok(!old.has(pid), 'a replica that had loaded the weights as they are stored still runs');
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /--quantize\0int8\0/);
  }
});

test('a replica that is killed takes its calls with it at most, and comes back', async () => {
  const [victim] = (await target()).replicas;
  process.kill(victim.pid, 'SIGKILL');
  const answers = await Promise.all(Array.from({ length: 8 }, ask));
  assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(200));
  await until(async () => (await target()).replicas.filter((replica) => replica.state === 'ready').length === 2, 'it to come back');
});

test('numbers that cannot be are refused', async () => {
  for (const body of [
    { label: 'only', replicas_min: 3, replicas_max: 2 },
    { label: 'only', replicas_min: 0, replicas_max: 0 },
    { label: 'only', replicas_min: 1 },
  ]) {
    assert.equal((await call('PUT', `/api/v1/deployments/${name}/scale`, body)).status, 400);
  }
  assert.equal((await call('PUT', `/api/v1/deployments/${name}/scale`, { label: 'no', replicas_min: 1, replicas_max: 1 })).status, 404);
  assert.equal((await call('PUT', `/api/v1/deployments/${name}/version`, { label: 'only', model: 'no', number: 1 })).status, 404);
});

test('weights that cannot be rounded so are refused, and what is there stays', async () => {
  for (const quantize of ['int3', '', null, 8]) {
    assert.equal((await call('PUT', `/api/v1/deployments/${name}/version`, { label: 'only', quantize })).status, 400);
    const made = await call('POST', '/api/v1/deployments', {
      name: `${name}-not`,
      targets: [{ label: 'only', ...versions[0], weight: 1, quantize }],
    });
    assert.equal(made.status, 400);
  }
  assert.equal((await call('PUT', `/api/v1/deployments/${name}/version`, { label: 'only' })).status, 400);
  assert.equal((await target()).quantize, 'int8');
});
