// The official OpenAI client of npm, unmodified, against the gateway.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

const baseURL = `${process.env.CAPSTAN_URL}/v1`;
const model = process.env.CAPSTAN_MODEL;
const client = new OpenAI({ baseURL, apiKey: process.env.CAPSTAN_KEY, maxRetries: 0 });
const messages = [{ role: 'user', content: 'What does `ls` do?' }];

test('lists the deployment as a model and finds it by name', async () => {
  const ids = [];
  for await (const found of client.models.list()) {
    ids.push(found.id);
  }
  assert.ok(ids.includes(model));
  const one = await client.models.retrieve(model);
  assert.equal(one.id, model);
  assert.equal(one.object, 'model');
});

test('answers a chat with text, usage and an id of its own', async () => {
  const answer = await client.chat.completions.create({ model, messages, max_tokens: 16, temperature: 0 });
  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.model, model);
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.equal(typeof answer.choices[0].message.content, 'string');
  assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
  assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('streams the same answer that it gives whole, piece by piece, with usage at the end', async () => {
  const asked = { model, messages, max_tokens: 24, temperature: 0, user: 'one reader' };
  const whole = await client.chat.completions.create(asked);
  const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
  let text = '';
  let role;
  let reason;
  let usage;
  const ids = new Set();
  for await (const chunk of stream) {
    ids.add(chunk.id);
    role ??= chunk.choices[0]?.delta?.role;
    text += chunk.choices[0]?.delta?.content ?? '';
    reason ??= chunk.choices[0]?.finish_reason ?? undefined;
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(role, 'assistant');
  assert.equal(reason, whole.choices[0].finish_reason);
  assert.deepEqual(usage, whole.usage);
  assert.equal(ids.size, 1);
});

test('continues a text, whole and streamed', async () => {
  const asked = { model, prompt: 'NAME\n', max_tokens: 12, temperature: 0, user: 'one reader' };
  const whole = await client.completions.create(asked);
  assert.equal(whole.object, 'text_completion');
  let text = '';
  for await (const chunk of await client.completions.create({ ...asked, stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal(text, whole.choices[0].text);
  const echoed = await client.completions.create({ ...asked, echo: true });
  assert.equal(echoed.choices[0].text, asked.prompt + whole.choices[0].text);
});

test('gives the same sample for the same seed, and ends at a stop string', async () => {
  const asked = { model, messages, max_tokens: 16, temperature: 1, seed: 7, user: 'one reader' };
  const [a, b] = [await client.chat.completions.create(asked), await client.chat.completions.create(asked)];
  assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  const whole = await client.completions.create({ model, prompt: 'The ', max_tokens: 24, temperature: 0, user: 'u' });
  const stop = whole.choices[0].text.slice(4, 6);
  const cut = await client.completions.create({ model, prompt: 'The ', max_tokens: 24, temperature: 0, user: 'u', stop });
  assert.ok(!cut.choices[0].text.includes(stop));
  assert.ok(whole.choices[0].text.startsWith(cut.choices[0].text));
});

test('gives several choices, and log-probabilities, through the gateway', async () => {
  const { choices } = await client.chat.completions.create({ model, messages, max_tokens: 8, n: 3, seed: 1, logprobs: true, top_logprobs: 2 });
  assert.deepEqual(choices.map((choice) => choice.index), [0, 1, 2]);
  for (const { logprobs } of choices) {
    assert.ok(logprobs.content.length >= 1);
    assert.ok(logprobs.content.every(({ logprob, top_logprobs: top }) => logprob <= 0 && top.length === 2));
  }
});

test("raises the client's own errors", async () => {
  await assert.rejects(client.chat.completions.create({ model: 'no-such', messages }), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ model, messages, temperature: 9 }), OpenAI.BadRequestError);
  await assert.rejects(client.chat.completions.create({ model, messages, n: 1000 }), /'n' must be/);
  const stranger = new OpenAI({ baseURL, apiKey: 'cap_wrong', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test('lets a caller go away in the middle', async () => {
  const stream = await client.chat.completions.create({ model, messages, max_tokens: 200, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break; // The client aborts the request here.
  }
  const after = await client.chat.completions.create({ model, messages, max_tokens: 4 });
  assert.ok(after.id);
});

test('answers many callers at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      client.chat.completions.create({ model, messages, max_tokens: 8, temperature: 0, user: `reader ${i}` }),
    ),
  );
  assert.equal(new Set(answers.map((answer) => answer.id)).size, 12);
});
