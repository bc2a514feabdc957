"""Writes which variables a chat template sees, and which ids are special, for what tokenizer_config.json and special_tokens_map.json say:
src/test/resources/io/tunebook/tokenizer/template_variables.json.

    pip install transformers==5.24.0
    python bench/reference/template_variables.py
"""

import json
import pathlib
import tempfile

import tokenizers
import transformers

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/tokenizer/template_variables.json"
WORDS = ["<unk>", "<s>", "</s>", "<pad>", "true", "false", "a", "b", "<img>", "<extra>", "<mask>", "<eot>"]
CASES = {
    "no tokens": {},
    "two tokens": {"bos_token": "<s>", "eos_token": "</s>"},
    "all seven": {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>",
                  "sep_token": "</s>", "cls_token": "<s>"},
    "flags, and a token of their text": {"bos_token": "<s>", "add_bos_token": True, "add_eos_token": False, "add_prefix_space": True},
    "objects and null": {"bos_token": {"content": "<s>", "lstrip": False, "__type": "AddedToken"}, "eos_token": None},
    "a model's own": {"bos_token": "<s>", "image_token": "<img>", "eot_token": "<eot>", "boi_token": "a"},
    "extra tokens with names": {"bos_token": "<s>", "extra_special_tokens": {"image_token": "<img>", "my_token": "<extra>"}},
    "extra tokens without names": {"bos_token": "<s>", "extra_special_tokens": ["<img>", "<extra>"]},
    "additional tokens": {"bos_token": "<s>", "additional_special_tokens": ["<img>", "<extra>"]},
    "a model's own by their old name": {"bos_token": "<s>", "model_specific_special_tokens": {"image_token": "<img>"}},
    "a token's text that looks like a flag": {"bos_token": "<s>", "legacy_token": "true"},
    "other settings": {"bos_token": "<s>", "clean_up_tokenization_spaces": False, "model_max_length": 77,
                       "tokenizer_class": "PreTrainedTokenizerFast", "response_template": "x", "default_token": "a"},
    "added tokens": {"bos_token": "<s>", "added_tokens_decoder": {
        "8": {"content": "<img>", "special": True, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False},
        "9": {"content": "<extra>", "special": False, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}}},
}
MAPS = {
    "a map beside": ({"bos_token": "<s>"}, {"eos_token": "</s>", "pad_token": {"content": "<pad>"}}),
    "a map that differs": ({"bos_token": "<s>", "eos_token": "</s>"}, {"bos_token": "<extra>", "eos_token": "<eot>"}),
    "a map alone": ({}, {"bos_token": "<s>", "additional_special_tokens": ["<img>"]}),
}
# Not in the vocabulary: Transformers adds them behind its end, so that the ids are others; the variables are compared alone
OUTSIDE = {"outside of the vocabulary": {"bos_token": "<new>", "eos_token": "</s>", "image_token": "<nowhere>"}}
NAMES = ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token", "image_token", "eot_token", "boi_token",
         "my_token", "default_token", "legacy_token", "add_bos_token", "add_eos_token", "add_prefix_space", "additional_special_tokens",
         "extra_special_tokens", "model_specific_special_tokens", "added_tokens_decoder", "tools", "documents", "add_generation_prompt",
         "messages", "chat_template", "date_string", "continue_final_message", "tokenize", "model_max_length", "conversation",
         "conversations", "enable_thinking", "response_template", "kwargs", "tokenizer_class"]
CALLED = ["strftime_now", "raise_exception", "namespace", "range", "dict", "lipsum", "cycler", "joiner", "self"]
TEMPLATE = "".join("{%% if %s is defined %%}%s={{ %s }}\n{%% endif %%}" % (n, n, n) for n in NAMES) + "".join(
    "{%% if %s is defined %%}%s\n{%% endif %%}" % (n, n) for n in CALLED)


def write_tokenizer(folder):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<s>", "</s>"])
    made.save(str(folder / "tokenizer.json"), pretty=False)


def main():
    golden = {"template": TEMPLATE, "cases": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write_tokenizer(folder)
        golden["tokenizer.json"] = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        every = {**{name: (config, None) for name, config in {**CASES, **OUTSIDE}.items()}, **MAPS}
        for name, (config, beside) in every.items():
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            (folder / "special_tokens_map.json").unlink(missing_ok=True)
            if beside is not None:
                (folder / "special_tokens_map.json").write_text(json.dumps(beside))
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, **({} if "tokenizer_class" in config else {"tokenizer_type": None}))
            text = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], chat_template=TEMPLATE, tokenize=False)
            case = {"tokenizer_config.json": config, "text": text}
            if beside is not None:
                case["special_tokens_map.json"] = beside
            if name not in OUTSIDE:
                case["special"] = sorted(set(tokenizer.all_special_ids))
                case["decoded"] = tokenizer.decode(list(range(len(WORDS))), skip_special_tokens=True)
            golden["cases"][name] = case
            print("==", name, case.get("special"), text.split("tools")[0].split("\n")[:-1])
    OUT.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
