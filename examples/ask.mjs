// Asks a deployment one question, streaming. Usage: node ask.mjs MODEL QUESTION; needs `npm install openai` and OPENAI_BASE_URL, OPENAI_API_KEY.
import OpenAI from 'openai';

const [, , model, content] = process.argv;
const stream = await new OpenAI().chat.completions.create({
  model,
  messages: [{ role: 'user', content }],
  max_tokens: 64,
  temperature: 0,
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? '');
}
process.stdout.write('\n');
