// The main calls of the package ollama from npm, against the server at OLLAMA_HOST.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const require = createRequire(path.join(process.env.TUNEBOOK_NODE_MODULES, 'x.js'));
const { Ollama } = await import(pathToFileURL(require.resolve('ollama')));
const client = new Ollama({ host: process.env.OLLAMA_HOST });
const messages = [{ role: 'user', content: 'What is the capital of France? Answer in one word.' }];
const options = { temperature: 0, num_predict: 16 };
const answer = await client.chat({ model: 'smollm2', messages, options });
assert(answer.message.content.includes('Paris') && answer.done && answer.eval_count > 0);
const pieces = [];
for await (const p of await client.chat({ model: 'smollm2', messages, options, stream: true })) pieces.push(p.message.content);
assert(pieces.length > 1);
assert.equal(pieces.join(''), answer.message.content);
const stream = await client.chat({ model: 'smollm2', messages, options: { temperature: 2, num_predict: 2000 }, stream: true });
for await (const p of stream) { assert.equal(p.message.role, 'assistant'); break; }
stream.abort();
const schema = { type: 'object', properties: { name: { type: 'string', enum: ['Paris', 'Rome'] } }, required: ['name'] };
const city = JSON.parse((await client.chat({ model: 'smollm2', messages, options, format: schema })).message.content).name;
assert(['Paris', 'Rome'].includes(city));
const text = await client.generate({ model: 'smollm2', prompt: 'Once upon a time', raw: true, options });
assert.equal(text.done_reason, 'length');
assert.equal((await client.embed({ model: 'smollm2', input: ['a', 'b'] })).embeddings.length, 2);
assert((await client.list()).models.some(m => m.model === 'smollm2:latest'));
assert.equal((await client.show({ model: 'smollm2' })).details.family, 'llama');
assert((await client.ps()).models.length > 0);
await client.copy({ source: 'smollm2', destination: 'node-copy' });
assert.equal((await client.create({ model: 'node-made', from: 'node-copy', system: 'Quack.' })).status, 'success');
const steps = [];
for await (const s of await client.pull({ model: 'node-made', stream: true })) steps.push(s.status);
assert.equal(steps.at(-1), 'success');
await client.delete({ model: 'node-copy' });
await client.delete({ model: 'node-made' });
await assert.rejects(client.chat({ model: 'absent', messages }), /model 'absent' not found/);
console.log('NODE CLIENT OK');
