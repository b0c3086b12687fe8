// The official OpenAI client of npm, unmodified, against `capstan engine` with a tiny random model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import OpenAI from 'openai';

import { startEngine } from './running_engine.mjs';

const model = 'tiny';
const messages = [{ role: 'user', content: 'Hi!' }];
let engine;
let url;
let client;

before(async () => {
  engine = await startEngine(model);
  url = engine.url;
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
});

after(() => engine.stop());

test('scores the tokens of a prompt and of its answer', async () => {
  const answer = await client.completions.create({ model, prompt: [[72, 106, 37], [80]], echo: true, logprobs: 2, max_tokens: 1, temperature: 0 });
  assert.deepEqual(answer.choices.map(choice => choice.index), [0, 1]);
  const { token_logprobs: values, top_logprobs: tops, text_offset: offsets } = answer.choices[0].logprobs;
  assert.equal(values.length, 4);
  assert.equal(values[0], null);
  assert.deepEqual(offsets.slice(0, 4), [0, 1, 2, 3]);
  for (let i = 1; i < values.length; ++i) {
    assert.ok(Object.values(tops[i]).includes(values[i]));
  }
});

test('streams several choices with their own indexes, roles and reasons', async () => {
  const stream = await client.chat.completions.create({ model, messages, n: 3, seed: 5, max_tokens: 6, stream: true, stream_options: { include_usage: true } });
  const roles = [];
  const reasons = new Map();
  let usage;
  for await (const chunk of stream) {
    for (const choice of chunk.choices) {
      if (choice.delta.role) roles.push(choice.index);
      if (choice.finish_reason) reasons.set(choice.index, choice.finish_reason);
    }
    usage = chunk.usage ?? usage;
  }
  assert.deepEqual(roles.sort(), [0, 1, 2]);
  assert.equal(reasons.size, 3);
  assert.ok(usage.completion_tokens >= 3);
});

test('a caller who leaves ends the call, streamed or not', async () => {
  const endless = { model, messages, max_tokens: 900, n: 64, logit_bias: { 70: 100 }, temperature: 0 };
  const stream = await client.chat.completions.create({ ...endless, stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  await assert.rejects(client.chat.completions.create(endless, { timeout: 30 }));
  for (let i = 0; i < 100; ++i) {
    const { server_load: load } = await (await fetch(`${url}/load`)).json();
    if (load === 0) return;
    await sleep(50);
  }
  assert.fail('calls run on although nobody reads them');
});

test('holds an answer to a schema', async () => {
  const schema = { type: 'object', properties: { town: { enum: ['Bern', 'Oslo'] } }, required: ['town'], additionalProperties: false };
  const answer = await client.chat.completions.create({ model, messages, max_tokens: 60, response_format: { type: 'json_schema', json_schema: { name: 'w', schema, strict: true } } });
  assert.ok(['Bern', 'Oslo'].includes(JSON.parse(answer.choices[0].message.content).town));
});

test('calls the tool that it must call, by the client\'s own runner of streams', async () => {
  const parameters = { type: 'object', properties: { town: { enum: ['Bern', 'Oslo'] } }, required: ['town'], additionalProperties: false };
  const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
  const stream = client.chat.completions.stream({ model, messages, tools, tool_choice: 'required', parallel_tool_calls: false, max_tokens: 200 });
  const { choices } = await stream.finalChatCompletion();
  const [call] = choices[0].message.tool_calls;
  assert.equal(call.function.name, 'weather');
  assert.ok(['Bern', 'Oslo'].includes(JSON.parse(call.function.arguments).town));
  assert.equal(choices[0].finish_reason, 'tool_calls');
});

test('raises the errors that the client knows', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'none', messages }), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ model, messages, temperature: 9 }), OpenAI.BadRequestError);
  const late = client.chat.completions.create({ model, messages, max_tokens: 900, timeout_ms: 1, ignore_eos: true });
  await assert.rejects(late, error => error.status === 504);
});
