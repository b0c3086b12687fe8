// LangChain's chat model for OpenAI, unmodified, against `capstan engine` with a tiny random model: what it writes is
// noise, but what was asked of its form holds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

import { startEngine } from './running_engine.mjs';

const where = z.object({ town: z.enum(['Bern', 'Oslo']), days: z.union([z.literal(1), z.literal(2)]) }).strict();
const weather = tool(({ town, days }) => `${town}: sun for ${days} days`, {
  name: 'weather', description: 'The weather of a town', schema: where,
});
const clock = tool(() => 'noon', { name: 'clock', description: 'The time', schema: z.object({ zone: z.enum(['CET', 'UTC']) }).strict() });
const question = [new SystemMessage('You know the weather.'), new HumanMessage('How is it in Bern?')];
let engine;
let chat;

before(async () => {
  engine = await startEngine('tiny');
  chat = new ChatOpenAI({ model: 'tiny', apiKey: 'none', temperature: 0, maxTokens: 200, maxRetries: 0, configuration: { baseURL: `${engine.url}/v1` } });
});

after(() => engine.stop());

const forced = () => chat.bindTools([weather, clock], { tool_choice: 'weather', parallel_tool_calls: false });

test('answers, and says what it took', async () => {
  const answer = await chat.invoke(question);
  assert.equal(typeof answer.content, 'string');
  assert.ok(answer.usage_metadata.input_tokens > 20);
  assert.equal(answer.usage_metadata.total_tokens, answer.usage_metadata.input_tokens + answer.usage_metadata.output_tokens);
});

test('streams what it gives whole', async () => {
  const whole = await chat.invoke(question);
  let text = '';
  for await (const chunk of await chat.stream(question)) text += chunk.content;
  assert.ok(text.length > 0);
  assert.equal(text, whole.content);
});

test('calls the tool that it must call, whose answer it then reads', async () => {
  const asked = await forced().invoke(question);
  const [call, ...others] = asked.tool_calls;
  assert.deepEqual([call.name, others, asked.invalid_tool_calls], ['weather', [], []]);
  where.parse(call.args);
  const told = await weather.invoke(call); // LangChain runs it, and makes the message that answers the call.
  assert.ok(told instanceof ToolMessage);
  assert.equal(told.tool_call_id, call.id);
  const before = await chat.bindTools([weather, clock], { tool_choice: 'none' }).invoke(question);
  const answer = await chat.bindTools([weather, clock], { tool_choice: 'none' }).invoke([...question, asked, told]);
  assert.deepEqual(answer.tool_calls, []);
  assert.ok(answer.usage_metadata.input_tokens > before.usage_metadata.input_tokens);
});

test('calls any tool, when it must call one', async () => {
  const asked = await chat.bindTools([weather, clock], { tool_choice: 'required', parallel_tool_calls: false }).invoke(question);
  assert.equal(asked.tool_calls.length, 1);
  assert.ok(['weather', 'clock'].includes(asked.tool_calls[0].name));
  assert.equal(asked.response_metadata.finish_reason, 'tool_calls');
});

test('streams a call in pieces that LangChain joins to the same', async () => {
  const whole = await forced().invoke(question);
  let joined;
  let pieces = 0;
  for await (const chunk of await forced().stream(question)) {
    pieces += chunk.tool_call_chunks.length;
    joined = joined ? joined.concat(chunk) : chunk;
  }
  assert.ok(pieces > 1);
  const [call] = joined.tool_calls;
  assert.deepEqual([call.name, call.args], [whole.tool_calls[0].name, whole.tool_calls[0].args]);
});

test('gives structured output, as a schema and as a call', async () => {
  for (const method of ['jsonSchema', 'functionCalling']) {
    const { raw, parsed } = await chat.withStructuredOutput(where, { name: 'where', method, includeRaw: true }).invoke(question);
    where.parse(parsed);
    assert.equal(raw.tool_calls.length, method === 'jsonSchema' ? 0 : 1);
  }
});

test('does many at once, and each as alone', async () => {
  const questions = ['a', 'b', 'c', 'd', 'e', 'f'].map(text => [new HumanMessage(text)]);
  const together = await chat.batch(questions);
  for (const [i, messages] of questions.entries()) {
    assert.equal(together[i].content, (await chat.invoke(messages)).content);
  }
});

test('throws what the client throws', async () => {
  await assert.rejects(chat.invoke(question, { signal: AbortSignal.timeout(1) }));
  const wrong = new ChatOpenAI({ model: 'none', apiKey: 'none', maxRetries: 0, configuration: { baseURL: `${engine.url}/v1` } });
  await assert.rejects(wrong.invoke(question), error => error.status === 404);
});
