"""The main calls of the package ollama from PyPI, against the server at OLLAMA_HOST."""

import asyncio
import json
import os

import ollama

client = ollama.Client()
question = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
options = {"temperature": 0, "num_predict": 16}
answer = client.chat("smollm2", messages=question, options=options)
assert "Paris" in answer.message.content and answer.done and answer.eval_count > 0, answer
pieces = [p.message.content for p in client.chat("smollm2", messages=question, options=options, stream=True)]
assert len(pieces) > 1 and "".join(pieces) == answer.message.content, pieces
text = client.generate("smollm2", "Once upon a time", options=options, raw=True)
assert text.response and text.done_reason == "length", text
assert len(client.embed("smollm2", ["a", "b"]).embeddings) == 2
assert any(m.model == "smollm2:latest" and m.details.format == "gguf" for m in client.list().models)
assert "llama" == client.show("smollm2").modelinfo["general.architecture"]
assert any(m.model == "smollm2:latest" for m in client.ps().models)
client.copy("smollm2", "python-copy")
assert [s.status for s in client.create("python-made", from_="python-copy", system="Quack.", stream=True)][-1] == "success"
assert client.pull("python-made").status == "success"
schema = {"type": "object", "properties": {"name": {"type": "string", "enum": ["Paris", "Rome"]}}, "required": ["name"]}
assert json.loads(client.chat("smollm2", messages=question, options=options, format=schema).message.content)["name"] in ("Paris", "Rome")
digest = client.create_blob(os.environ["MODEL_FILE"])
assert client.create("python-file", files={"model.gguf": digest}, parameters={"num_predict": 3}).status == "success"
assert client.chat("python-file", messages=question).eval_count <= 3
assert ["num_predict", "3"] in [line.split() for line in client.show("python-file").parameters.splitlines()]


async def concurrently() -> None:
    several = ollama.AsyncClient()
    answers = await asyncio.gather(*(several.chat("smollm2", messages=question, options=options) for _ in range(3)))
    assert {a.message.content for a in answers} == {answer.message.content}
    async for piece in await several.chat("smollm2", messages=question, options=options, stream=True):
        assert piece.message.role == "assistant"
        break  # the server stops when the client goes


asyncio.run(concurrently())
assert client.generate("smollm2", keep_alive=0).done_reason == "unload"
assert not any(m.model == "smollm2:latest" for m in client.ps().models)
for name in ("python-copy", "python-made", "python-file"):
    assert client.delete(name).status == "success"
try:
    client.chat("absent", messages=question)
    raise AssertionError("a model that is not there answered")
except ollama.ResponseError as error:
    assert error.status_code == 404 and error.error == "model 'absent' not found", error
print("PYTHON CLIENT OK")
