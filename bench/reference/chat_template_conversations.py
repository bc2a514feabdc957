"""The conversations that the chat templates' golden files are made of."""

import jinja2

USER = {"role": "user", "content": "Who are you?"}
SYSTEM = {"role": "system", "content": "You are a <b>pirate</b> & say \"Arr\".\n"}
ANSWER = {"role": "assistant", "content": "  I'm a test — 测试 🙂.\nSecond line.  "}
NEXT = {"role": "user", "content": "\tAnd {{ this }}? {% raw %}\n\n"}
THOUGHT = {"role": "assistant", "content": "<think>\nHm, 2 < 3.\n</think>\n\nYes."}
REASONED = {"role": "assistant", "reasoning_content": "Let me see.", "content": "No."}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "abcdefghi", "type": "function",
     "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 2, "exact": True, "limit": 0.5}}}]}
RESULT = {"role": "tool", "name": "weather", "tool_call_id": "abcdefghi", "content": "{\"temp\": 21.5, \"ok\": true}"}
TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "The weather <of> a \"city\".",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Städtename"},
        "days": {"type": "integer", "description": "how many days", "default": 1}}, "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}]

CONVERSATIONS = {
    "one question": ([USER], {}),
    "system": ([SYSTEM, USER], {}),
    "answered": ([USER, ANSWER], {}),
    "several turns": ([SYSTEM, USER, ANSWER, NEXT, ANSWER, USER], {}),
    "ends with the assistant": ([SYSTEM, USER, ANSWER, NEXT, ANSWER], {}),
    "tools": ([SYSTEM, USER], {"tools": TOOLS}),
    "tools without system": ([USER, ANSWER, NEXT], {"tools": TOOLS}),
    "a call": ([USER, CALL, RESULT], {"tools": TOOLS}),
    "a call answered": ([SYSTEM, USER, CALL, RESULT, ANSWER, NEXT], {"tools": TOOLS}),
    "two results": ([USER, {**CALL, "tool_calls": CALL["tool_calls"] * 2}, RESULT, RESULT, ANSWER], {"tools": TOOLS}),
    "thoughts": ([USER, THOUGHT, NEXT, THOUGHT], {}),
    "reasoning": ([USER, REASONED, NEXT, REASONED, USER], {}),
    "no thinking": ([USER], {"enable_thinking": False}),
    "user twice": ([USER, NEXT], {}),
    "assistant first": ([ANSWER, USER], {}),
    "late system": ([USER, ANSWER, SYSTEM, USER], {}),
    "unknown role": ([{"role": "narrator", "content": "Once."}, USER], {}),
}


def outcome(render):
    try:
        return {"text": render()}
    except (jinja2.exceptions.TemplateError, TypeError, ValueError, ZeroDivisionError, AttributeError, KeyError) as e:
        return {"error": f"{type(e).__name__}: {e}"}
