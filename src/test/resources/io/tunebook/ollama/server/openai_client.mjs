// The main calls of the package openai from npm, against the server at OLLAMA_HOST.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const require = createRequire(path.join(process.env.TUNEBOOK_NODE_MODULES, 'x.js'));
const OpenAI = (await import(pathToFileURL(require.resolve('openai')))).default;
const client = new OpenAI.OpenAI({ baseURL: process.env.OLLAMA_HOST + '/v1', apiKey: 'none' });
const messages = [{ role: 'user', content: 'What is the capital of France? Answer in one word.' }];
const asked = { model: 'smollm2', messages, temperature: 0, max_tokens: 16 };
const answer = await client.chat.completions.create(asked);
assert(answer.choices[0].message.content.includes('Paris'));
assert.equal(answer.choices[0].finish_reason, 'stop');
assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
const chunks = [];
for await (const c of await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) chunks.push(c);
assert.equal(chunks.map(c => c.choices[0]?.delta.content ?? '').join(''), answer.choices[0].message.content);
assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
assert.equal(chunks.at(-1).usage.total_tokens, answer.usage.total_tokens);
const schema = { type: 'object', properties: { name: { type: 'string', enum: ['Paris', 'Rome'] } }, required: ['name'] };
const formed = await client.chat.completions.create({ ...asked, response_format: { type: 'json_schema', json_schema: { name: 'city', schema } } });
assert(['Paris', 'Rome'].includes(JSON.parse(formed.choices[0].message.content).name));
// What the package itself puts together from a stream.
const runner = client.chat.completions.stream(asked);
assert.equal((await runner.finalChatCompletion()).choices[0].message.content, answer.choices[0].message.content);
const text = await client.completions.create({ model: 'smollm2', prompt: 'Once upon a time', max_tokens: 5, temperature: 0 });
assert.equal(text.choices[0].finish_reason, 'length');
const pieces = [];
for await (const c of await client.completions.create({ model: 'smollm2', prompt: 'Once upon a time', max_tokens: 5, temperature: 0, stream: true })) pieces.push(c.choices[0].text);
assert.equal(pieces.join(''), text.choices[0].text);
const vectors = await client.embeddings.create({ model: 'smollm2', input: ['a', 'b'] });
assert.deepEqual(vectors.data.map(v => [v.index, v.embedding.length]), [[0, 576], [1, 576]]);
const names = [];
for await (const m of await client.models.list()) names.push(m.id);
assert(names.includes('smollm2:latest'));
assert.equal((await client.models.retrieve('smollm2')).object, 'model');
const stream = await client.chat.completions.create({ ...asked, max_tokens: 2000, temperature: 2, stream: true });
for await (const c of stream) { assert.equal(c.object, 'chat.completion.chunk'); break; }
await assert.rejects(client.chat.completions.create({ ...asked, model: 'absent' }), e => e.status === 404 && /model 'absent' not found/.test(e.message));
await assert.rejects(client.chat.completions.create({ ...asked, messages: [] }), e => e.status === 400 && e.type === 'invalid_request_error');
console.log('OPENAI NODE OK');
