"""Golden files of an adapter that added tokens, with the tokenizer that was saved beside it: src/test/resources/io/tunebook/lora/tokenizer.

    pip install torch transformers peft==0.21.2
    python bench/reference/adapter_tokenizer.py

The base is the tiny llama of training.py. The folder has what PEFT and Transformers save; expected.json has the ids that Transformers'
tokenizer of that folder gives, what it renders and decodes, and PEFT's logits of the first text's ids.
"""

import json
import pathlib
import shutil

import peft
import torch
import transformers

TEST = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook"
BASE, OUT = TEST / "reference/llama", TEST / "lora/tokenizer"
TEMPLATE = "{% for m in messages %}<plan> {{ m.content }} {{ eos_token }} {% endfor %}{% if add_generation_prompt %}<tool>{% endif %}"


def base(rows: int):
    model = transformers.AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    model.resize_token_embeddings(rows)
    return model.eval()


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(12)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(BASE / "tokenizer.json"), unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<plan>", "<tool>"]})
    tokenizer.chat_template = TEMPLATE
    config = peft.LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj"], lora_dropout=0.0, task_type="CAUSAL_LM",
                             modules_to_save=["embed_tokens"], ensure_weight_tying=True)
    wrapped = peft.get_peft_model(base(len(tokenizer)), config)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.15 * torch.randn_like(parameter))
    wrapped.save_pretrained(OUT)
    tokenizer.save_pretrained(OUT)
    (OUT / "README.md").unlink(missing_ok=True)
    written = json.loads((OUT / "adapter_config.json").read_text())
    written["base_model_name_or_path"] = "llama"
    (OUT / "adapter_config.json").write_text(json.dumps(written, indent=2, sort_keys=True))
    saved = transformers.PreTrainedTokenizerFast.from_pretrained(OUT)
    texts = ["w3 <tool> w5 w90 <plan> w7", "w3 w5", "<plan><tool> w11"]
    ids = [saved(text)["input_ids"] for text in texts]
    loaded = peft.PeftModel.from_pretrained(base(len(saved)), OUT).eval()
    with torch.no_grad():
        logits = loaded(torch.tensor([ids[0]])).logits[0]
    expected = {"texts": texts, "ids": ids, "decoded": [saved.decode(i, skip_special_tokens=True) for i in ids],
                "rendered": saved.apply_chat_template([{"role": "user", "content": "w5"}], tokenize=False, add_generation_prompt=True),
                "rows": logits.shape[-1], "last_logits": logits[-1].tolist()}
    (OUT / "expected.json").write_text(json.dumps(expected))
    print(ids, expected["decoded"], expected["rendered"], logits.shape, sorted(p.name for p in OUT.iterdir()))


if __name__ == "__main__":
    main()
