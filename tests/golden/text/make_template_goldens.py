#!/usr/bin/env python3
"""Makes templates.json: templates with what Jinja itself makes of them, set up as Hugging Face's transformers does.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install jinja2==3.1.6
    /tmp/goldens/bin/python tests/golden/text/make_template_goldens.py

The conversations' templates are our own, in the manner of well-known families.
"""
import datetime
import json
import pathlib

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

assert jinja2.__version__ == "3.1.6", jinja2.__version__


class Generation(Extension):
    """{% generation %}: marks what the assistant said; prints its body."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return made


CHATML = """{% for message in messages %}
{% if loop.first and message['role'] != 'system' %}
<|im_start|>system
You are helpful.<|im_end|>
{% endif %}
<|im_start|>{{ message.role }}
{% generation %}{{ message['content'] | trim }}{% endgeneration %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""

OURS = ("{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}")

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- Take the system message out, so that it can come first. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "Functions:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("Roles must alternate user/assistant/user/assistant/...") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {{- ', "id": "' + tool_call.id[-4:] + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- else %}
        {{- raise_exception("Only user, assistant and tool roles are supported") }}
    {%- endif %}
{%- endfor %}
"""

GEMMA = ("{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
         "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
         "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
         "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
         "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}")

QWEN25 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\nYou may call functions.\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n\\nAnswer with <tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

THINKING = """{%- macro render_content(content) -%}
    {%- if content is string -%}
        {{- content -}}
    {%- elif content is sequence -%}
        {%- for part in content -%}
            {%- if part.type == 'text' %}{{ part['text'] }}{% elif part.type == 'image' %}<image>{% endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(last_query=-1, multi=true) -%}
{%- for message in messages[::-1] -%}
    {%- set index = (messages|length - 1) - loop.index0 -%}
    {%- if ns.multi and message.role == "user" and not (message.content is string and message.content.startswith('<tool_response>')) -%}
        {%- set ns.multi = false -%}
        {%- set ns.last_query = index -%}
    {%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
    {%- set content = render_content(message.content) -%}
    {%- if message.role == "assistant" -%}
        {%- set thought = '' -%}
        {%- if message.reasoning_content is defined and message.reasoning_content is not none -%}
            {%- set thought = message.reasoning_content -%}
        {%- elif '</think>' in content -%}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') -%}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') -%}
        {%- endif -%}
        {%- if loop.index0 > ns.last_query -%}
            {{- '[A]<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') -}}
        {%- else -%}
            {{- '[A]' + content -}}
        {%- endif -%}
    {%- else -%}
        {{- '[' ~ message.role|upper ~ ':' ~ loop.index ~ ']' ~ content -}}
    {%- endif -%}
    {%- if loop.nextitem is defined and loop.nextitem.role == message.role %} (same next){% endif %}
{% endfor %}
{%- if add_generation_prompt -%}
    {{- '[A]' -}}
    {%- if enable_thinking is defined and enable_thinking is false -%}
        {{- '<think>\\n\\n</think>\\n\\n' -}}
    {%- endif -%}
{%- endif -%}
"""

LLAMA2 = """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}
{% elif true == true and not '<<SYS>>' in messages[0]['content'] %}{% set loop_messages = messages %}{% set system_message = 'Be of help.' %}
{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}
{% for message in loop_messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must take turns') }}{% endif %}
{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
{% else %}{% set content = message['content'] %}{% endif %}
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""

# Tools in the user's message, tools that the model brings along, and code that it runs.
LLAMA31 = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not tools_in_user_message is defined %}{%- set tools_in_user_message = true %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("") ~ "today" %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- if messages[0]["content"] is string %}{%- set system_message = messages[0]['content']|trim %}
    {%- else %}{%- set system_message = messages[0]["content"][0]["text"]|trim %}{%- endif %}
    {%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
{%- endif %}
{{- system_message }}{{- "<|eot_id|>" }}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}
        {%- set first_user_message = messages[0]['content']|trim if messages[0]['content'] is string else '(parts)' %}
        {%- set messages = messages[1:] %}
    {%- else %}{{- raise_exception("There is no first message to put the tools in") }}{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' -}}
    {{- "Given the following functions, answer with JSON for a call.\\n\\n" }}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
    {{- first_user_message + "<|eot_id|>"}}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
        {%- if message['content'] is string %}{{- message['content'] }}
        {%- else %}{%- for content in message['content'] %}{%- if content['type'] == 'image' %}{{- '<|image|>' }}{%- elif content['type'] == 'text' %}{{- content['text'] }}{%- endif %}{%- endfor %}{%- endif %}
        {{- '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{{- "<|python_tag|>" + tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}
                {{- arg_name + '="' ~ arg_val ~ '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}
            {%- endfor %}{{- ")" }}
        {%- else  %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{{- '{"name": "' + tool_call.name + '", ' }}{{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
        {%- endif %}
        {%- if builtin_tools is defined %}{{- "<|eom_id|>" }}{%- else %}{{- "<|eot_id|>" }}{%- endif %}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or (message.content is iterable and message.content is not string) %}{{- message.content | tojson }}
        {%- else %}{{- message.content }}{%- endif %}{{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
"""

PHI3 = ("{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}"
        "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")

PHI4 = ("{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}"
        "{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}"
        "{% elif loop.first and tools %}{{ '<|system|><|tool|>' ~ (tools | map(attribute='function') | list | tojson) ~ '<|/tool|><|end|>' }}"
        "{% if message.content is string %}{{ '<|' ~ message.role ~ '|>' ~ message.content ~ '<|end|>' }}{% endif %}"
        "{% else %}{{ '<|' + message['role'] + '|>' + (message['content'] if message.content is string else '') + '<|end|>' }}{% endif %}"
        "{% if message.tool_calls %}<|tool_call|>{{ message.tool_calls | map(attribute='function') | list | tojson }}<|/tool_call|>{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}")

# The system's message joins the first of the user; contents may be parts.
GEMMA3 = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}{%- set first_user_prefix = messages[0]['content'] + '

' -%}
    {%- else -%}{%- set first_user_prefix = messages[0]['content'][0]['text'] + '

' -%}{%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception("Roles must take turns") }}{%- endif -%}
    {%- if (message['role'] == 'assistant') -%}{%- set role = "model" -%}{%- else -%}{%- set role = message['role'] -%}{%- endif -%}
    {{ '<start_of_turn>' + role + '
' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}{{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}{{ raise_exception("Invalid content type") }}{%- endif -%}
    {{ '<end_of_turn>
' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{'<start_of_turn>model
'}}{%- endif -%}
"""

MISTRAL_TEKKEN = """{%- set default_system = "You are a model.\\nToday is {today}, yesterday {yesterday}." %}
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- if messages[0]['content'] is string %}{%- set system_message = messages[0]['content'] %}{%- else %}{%- set system_message = messages[0]['content'][0]['text'] %}{%- endif %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = default_system.replace("{today}", "2025-01-02").replace("{yesterday}", "2025-01-01") %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' }}
{%- set tools_definition = '' %}
{%- if tools is defined and tools is not none and tools|length > 0 %}
    {{- '[AVAILABLE_TOOLS]' + (tools|tojson) + '[/AVAILABLE_TOOLS]' }}
{%- endif %}
{%- set ns = namespace(index=0) %}
{%- for message in loop_messages if message.role in ['user', 'assistant'] %}
    {%- if message["role"] == "user" or (message["role"] == "assistant" and (message.tool_calls is not defined or message.tool_calls is none or message.tool_calls | length == 0)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("Roles must take turns.") }}{%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {%- if message['content'] is string %}{{- '[INST]' + message['content'] + '[/INST]' }}
        {%- else %}{{- '[INST]' }}{%- for block in message['content'] %}{%- if block['type'] == 'text' %}{{- block['text'] }}{%- elif block['type'] in ['image', 'image_url'] %}{{- '[IMG]' }}{%- else %}{{- raise_exception('Only text and image blocks are supported in message content!') }}{%- endif %}{%- endfor %}{{- '[/INST]' }}{%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {%- if message.content %}{{- message.content }}{%- endif %}
        {%- for tool in message.tool_calls or [] %}
            {%- set arguments = tool.function.arguments if tool.function.arguments is string else tool.function.arguments|tojson|safe %}
            {{- '[TOOL_CALLS]' + tool.function.name + '[ARGS]' + arguments }}
        {%- endfor %}
        {{- eos_token }}
    {%- elif message['role'] == 'tool' %}{{- '[TOOL_RESULTS]' + message['content']|string + '[/TOOL_RESULTS]' }}
    {%- else %}{{- raise_exception('Only user, assistant and tool roles, got ' + message['role']) }}{%- endif %}
{%- endfor %}"""

# Types of a schema as Python's, by a macro that calls itself.
HERMES = """{%- macro python_type(spec) %}
    {%- set types = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
    {%- if types[spec.type] is defined %}{{- types[spec.type] }}
    {%- elif spec.type == "array" %}{{- "list[" + python_type(spec['items']) + "]" }}
    {%- elif spec.type == "object" %}
        {%- if spec.additionalProperties is defined %}{{- "dict[str, " + python_type(spec.additionalProperties) + ']' }}{%- else %}{{- "dict" }}{%- endif %}
    {%- elif spec.type is iterable and spec.type is not string %}{{- "Union[" }}{%- for t in spec.type %}{{- python_type({"type": t}) }}{%- if not loop.last %}{{- "," }}{%- endif %}{%- endfor %}{{- "]" }}
    {%- else %}{{- "Any" }}{%- endif %}
{%- endmacro %}
{{- bos_token }}
{{- '<|im_start|>system\\nFunctions: <tools> ' }}
{%- for tool in tools or [] %}
    {%- if tool.function is defined %}{%- set tool = tool.function %}{%- endif %}
    {{- '{"type": "function", "function": ' }}{{- '{"name": "' + tool.name + '", ' }}{{- '"description": "' + tool.name + '(' }}
    {%- for param_name, param_fields in tool.parameters.properties|items %}
        {{- param_name + ": " + python_type(param_fields) }}{%- if not loop.last %}{{- ", " }}{%- endif %}
    {%- endfor %}
    {{- ")" }}{%- if tool.return is defined %}{{- " -> " + python_type(tool.return) }}{%- endif %}
    {{- " - " + tool.description + "\\n\\n" }}
    {%- for param_name, param_fields in tool.parameters.properties|items %}
        {%- if loop.first %}{{- "    Args:\\n" }}{%- endif %}
        {{- "        " + param_name + "(" + python_type(param_fields) + "): " + (param_fields.description or '')|trim }}
    {%- endfor %}
    {{- '", "parameters": ' }}
    {%- if tool.parameters.properties | length == 0 %}{{- "{}" }}{%- else %}{{- tool.parameters|tojson }}{%- endif %}
    {{- "}" }}{%- if not loop.last %}{{- "\\n" }}{%- endif %}
{%- endfor %}
{{- " </tools><|im_end|>\\n" }}
{%- for message in messages %}
    {%- if message.role == "user" or message.role == "system" or (message.role == "assistant" and message.tool_calls is not defined) %}
        {{- '<|im_start|>' + message.role + '\\n' ~ message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- for tool_call in message.tool_calls %}
            {{- '\\n<tool_call>\\n' }}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '{' }}{{- '"name": "' }}{{- tool_call.name }}{{- '"' }}{{- ', '}}
            {%- if tool_call.arguments is defined %}{{- '"arguments": ' }}{%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments|tojson }}{%- endif %}{%- endif %}
            {{- '}' }}{{- '\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.previtem and loop.previtem.role != "tool" %}{{- '<|im_start|>tool\\n' }}{%- endif %}
        {{- '<tool_response>\\n' }}{{- message.content }}{%- if not loop.last %}{{- '\\n</tool_response>\\n' }}{%- else %}{{- '\\n</tool_response>' }}{%- endif %}
        {%- if not loop.last and loop.nextitem.role != "tool" %}{{- '<|im_end|>' }}{%- elif loop.last %}{{- '<|im_end|>' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""

# Flags in the system's message, generation blocks, loop controls, filters in blocks.
SMOL = """{# ───── defaults ───── #}
{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}
{%- if messages[0].role == "system" -%}
    {%- set system_message = messages[0].content -%}
    {%- if "/no_think" in system_message -%}{%- set reasoning_mode = "/no_think" -%}{%- else -%}{%- set reasoning_mode = "/think" -%}{%- endif -%}
    {%- set custom_instructions = system_message.replace("/no_think", "").replace("/think", "").rstrip() -%}
{%- else -%}{%- set reasoning_mode = "/think" if enable_thinking else "/no_think" -%}{%- endif -%}
{{- "<|im_start|>system\\n" -}}
{{- "## Metadata\\n\\n" -}}{{- "Reasoning Mode: " + reasoning_mode + "\\n\\n" -}}
{%- if custom_instructions -%}{{- custom_instructions + "\\n\\n" -}}{%- endif -%}
{%- if xml_tools or python_tools or tools -%}
    {{- "### Tools\\n\\n" -}}
    {%- set ns = namespace(xml_tool_string="<tools>\\n") -%}
    {%- for tool in tools[:] -%}
        {%- set ns.xml_tool_string = ns.xml_tool_string ~ (tool | string | length > 0) ~ (tool.function | tojson) ~ "\\n" -%}
    {%- endfor -%}
    {{- ns.xml_tool_string + "</tools>\\n\\n" -}}
{%- endif -%}
{{- "<|im_end|>\\n" -}}
{%- for message in messages -%}
    {%- if message.role == "system" -%}{%- continue -%}{%- endif -%}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if loop.index > 4 -%}{%- break -%}{%- endif -%}
    {%- if message.role == "user" -%}{{ "<|im_start|>" + message.role + "\\n" + content + "<|im_end|>\\n" }}
    {%- elif message.role == "assistant" -%}
        {% generation %}
        {%- if reasoning_mode == "/think" -%}{{ "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- else -%}{{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}{%- endif -%}
        {% endgeneration %}
    {%- elif message.role == "tool" -%}{{ "<|im_start|>" + "user\\n" + content + "<|im_end|>\\n" }}{%- endif -%}
{%- endfor -%}
{% if add_generation_prompt %}
    {%- if reasoning_mode == "/think" -%}{{ "<|im_start|>assistant\\n" }}{%- else -%}{{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n"  }}{%- endif -%}
{% endif %}
{%- filter upper -%}{%- if documents %}{{ documents | length }}{% endif -%}end{%- endfilter -%}
{%- set said -%}{%- for m in messages | selectattr('role', 'equalto', 'user') | rejectattr('content', 'none') -%}{{ loop.index }}{{ ',' if not loop.last }}{%- endfor -%}{%- endset -%}
{{- '[' ~ said ~ ']' -}}
{{- messages | map(attribute='role') | unique | join(',') -}}
"""

DEEPSEEK = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<｜User｜>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is none %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + tool['function']['arguments'] + '\\n' + '```' + '<｜tool▁call▁end｜>'}}{%- set ns.is_first = true -%}{%- else %}{{'\\n' + '<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name']}}{{'<｜tool▁calls▁end｜><｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{%- if ns.is_tool %}{{'<｜tool▁outputs▁end｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>' + message['content'] + '<｜tool▁output▁end｜>'}}{%- set ns.is_output_first = false %}{%- else %}{{'\\n<｜tool▁output▁begin｜>' + message['content'] + '<｜tool▁output▁end｜>'}}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<｜tool▁outputs▁end｜>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜>'}}{% endif %}"""

TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Weather at a place: \"now\"", "parameters": {
        "type": "object", "properties": {"place": {"type": "string", "enum": ["Zürich", "北京"]}, "days": {"type": "integer"}},
        "required": ["place"]}}},
    {"type": "function", "function": {"name": "time", "description": "", "parameters": {"type": "object", "properties": {}}}},
    {"type": "function", "function": {"name": "sum_up", "description": "<b>Adds</b> & 'more'", "parameters": {
        "type": "object", "properties": {"numbers": {"type": "array", "items": {"type": "number"}, "description": " What to add "},
        "by": {"type": ["string", "null"], "default": None}, "map": {"type": "object", "additionalProperties": {"type": "boolean"}}}},
        "return": {"type": "number"}}},
]
TURNS = [
    [{"role": "user", "content": "  Hello & <b>there</b> "}],
    [{"role": "system", "content": "Be brief. "}, {"role": "user", "content": "Grüezi 你好 😀"},
     {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes?\n"}, {"role": "user", "content": "What's\n\nnew?"}],
    [{"role": "user", "content": "Weather?"},
     {"role": "assistant", "content": "", "tool_calls": [
         {"id": "call_123456789", "type": "function", "function": {"name": "weather", "arguments": {"place": "Zürich", "days": 2}}}]},
     {"role": "tool", "tool_call_id": "call_123456789", "content": "{\"t\": 21.5}"},
     {"role": "assistant", "content": "21.5 degrees."}, {"role": "user", "content": "Thanks"}],
    [{"role": "system", "content": "Use tools. /no_think"}, {"role": "user", "content": "Sum and time?"},
     {"role": "assistant", "content": None, "tool_calls": [
         {"id": "abcdefghi", "type": "function", "function": {"name": "sum_up", "arguments": "{\"numbers\": [1, 2.5]}"}},
         {"id": "jklmnopqr", "type": "function", "function": {"name": "time", "arguments": "{}"}}]},
     {"role": "tool", "name": "sum_up", "tool_call_id": "abcdefghi", "content": "3.5"},
     {"role": "tool", "name": "time", "tool_call_id": "jklmnopqr", "content": "12:00"}],
    [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}],
    [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    [{"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "image"}, {"type": "text", "text": "?"}]}],
]
FAMILIES = {"chatml": CHATML, "ours": OURS, "llama3": LLAMA3, "mistral": MISTRAL, "gemma": GEMMA, "qwen25": QWEN25, "thinking": THINKING,
            "llama2": LLAMA2, "llama31": LLAMA31, "phi3": PHI3, "phi4": PHI4, "gemma3": GEMMA3, "mistral_tekken": MISTRAL_TEKKEN,
            "hermes": HERMES, "smol": SMOL, "deepseek": DEEPSEEK}
EXTRA = {
    "llama31": [{"builtin_tools": ["weather", "code_interpreter", "search"], "tools_in_user_message": False, "date_string": "1 May"}],
    "thinking": [{"enable_thinking": False}],
    "smol": [{"enable_thinking": False, "documents": [{"title": "a"}], "xml_tools": True}],
}

CONTEXT = {
    "n": 7, "m": -3, "x": 2.5, "big": 1e16, "small": 1e-5, "whole": 3.0, "yes": True, "no": False, "nothing": None, "empty": "",
    "word": "straße Über it's", "text": "  line one\n\tline two\r\nline three  ", "html": "<a href='x'>\"&\"</a>",
    "emoji": "a😀é\u0301z", "numbers": [3, 1, 2, 1, 10], "words": ["b", "A", "c", "a", "B"], "mixed": [1, "a", None, True, 2.0, [1, {"k": "v'"}]],
    "person": {"name": "Ada", "age": 36, "tags": ["x", "y"], "items": "shadow", "nested": {"deep": [0, {"k": "v"}]}},
    "people": [{"name": "Bob", "age": 25, "a": {"b": 2}}, {"name": "ann", "age": 30, "a": {"b": 1}}, {"name": "Cy", "age": 25}],
    "control": "q\"b\\s/\b\f\n\r\t\u0001\u007f\u2028é😀",
}

# Small templates, one feature each.
SNIPPETS = r"""
{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1 / 3 }} {{ 10 / 5 }} {{ 1e3 }} {{ 1_000 }} {{ 0.1 + 0.2 }} {{ big }} {{ small }} {{ whole }} {{ x }}
{{ -n }} {{ +n }} {{ -m }} {{ - 3 | abs }} {{ -3 | abs }} {{ (-3) | abs }} {{ not yes }} {{ not not yes }} {{ -2 ** 2 }}
{{ true + 1 }} {{ yes * 3 }} {{ true == 1 }} {{ 1.0 == 1 }} {{ "1" == 1 }} {{ none == nothing }}
{{ "a" + "b" }} {{ "a" ~ 1 ~ none ~ true ~ 1.0 }} {{ "ab" * 3 }} {{ 3 * "ab" }} {{ [1] + [2, 3] }} {{ "a" "b" 'c' }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ "a" < "b" }} {{ [1, 2] < [1, 3] }} {{ 2 >= 2.0 }} {{ 1 != 2 }} {{ n > 3 and m < 0 }}
{{ 1 in numbers }} {{ 5 in numbers }} {{ 5 not in numbers }} {{ "ra" in word }} {{ "name" in person }} {{ "x" in nothing_here }} {{ not 1 in [1] }}
{{ yes and "a" }} {{ no and "a" }} {{ no or "b" }} {{ "" or none }} {{ 0 or [] or {} or "last" }} {{ yes or boom.boom }}
{{ "a" if yes else "b" }} {{ "a" if no else "b" }} [{{ "a" if no }}] {{ "a" if no else "b" if no else "c" }}
{{ missing }}|{{ missing is defined }}|{{ missing | default("d") }}|{{ person.missing }}|{{ person["missing"] | default("d2") }}|{{ empty | default("d3", true) }}|{{ nothing | default("d4") }}|{{ nothing | d("d5", boolean=true) }}
{{ person.name }} {{ person["name"] }} {{ person.nested.deep[1].k }} {{ person['nested']['deep'][1]['k'] }} {{ people.0.name }} {{ person.tags[-1] }} {{ numbers[10] is undefined }}
{{ numbers[1:3] }} {{ numbers[:-1] }} {{ numbers[::2] }} {{ numbers[::-1] }} {{ numbers[-2:] }} {{ word[0] }} {{ word[-1] }} {{ word[2:5] }} {{ emoji[::-1] }} {{ emoji[1] }} {{ word[5:2] == "" }} {{ numbers[100:] }}
{{ [1, "a", none, true, 1.5, {"k": [1]}] }} {{ {} }} {{ [] }} {{ (1, 2) }} {{ (1,) }} {{ () }} {{ {"a": 1, "b": {"c": "d"}} }} {{ ["it's", 'say "hi"', 'both \' and "', "nl\n"] }}
{{ mixed }} {{ person }}
{{ 'esc \' \" \\ \n \t \x41 \u00e9 \q' }}
{{ numbers | length }} {{ word | length }} {{ emoji | length }} {{ person | length }} {{ missing | length }} {{ word | count }}
{{ word | upper }} {{ word | lower }} {{ word | title }} {{ word | capitalize }} {{ "hello-wORLD (foo) it's" | title }} {{ "hELLO wORLD it's x1y" .title() }} {{ "ÉA" | lower }}
[{{ text | trim }}] [{{ "xxaxx" | trim("x") }}] [{{ text.strip() }}] [{{ text.lstrip() }}] [{{ text.rstrip() }}] [{{ "xyaxy".strip("xy") }}] [{{ "xxa".lstrip("x") }}] [{{ "axx".rstrip("x") }}]
{{ "a-b-c".split("-") }} {{ "a b  c ".split() }} {{ "a-b-c".split("-", 1) }} {{ " a  b c ".split(none, 1) }} {{ "a-b-c".rsplit("-", 1) }} {{ "".split("x") }} {{ "".split() }} {{ "abc".split("abc") }}
{{ text.splitlines() }} {{ "a\n\nb\n".splitlines() }}
{{ word.startswith("str") }} {{ word.endswith("x") }} {{ word.startswith(("q", "s")) }} {{ "abc".replace("b", "X") }} {{ "aaa".replace("a", "b", 2) }} {{ "abc".replace("", "-") }} {{ "héé" | replace("é", "e") }} {{ "aaa" | replace("a", "b", 1) }} {{ 123 | replace("2", "x") }}
{{ "abcabc".find("c") }} {{ "abcabc".rfind("c") }} {{ "abc".find("z") }} {{ "aXbXc".count("X") }} {{ "é😀x".find("x") }} {{ ",".join(["a", "b"]) }} {{ "abc".removeprefix("a") }} {{ "abc".removesuffix("c") }} {{ "Abc".isupper() }} {{ "abc".islower() }} {{ "12".isdigit() }} {{ "ab".isalpha() }} {{ " ".isspace() }}
{{ person.items() | list }} {{ person.keys() | list }} {{ {"a": 1}.values() | list }} {{ person.get("name") }} {{ person.get("zz") }} {{ person.get("zz", "d") }} {{ {"a": 1} | items | list }} {{ missing | items | list }}
{{ numbers | join(", ") }} {{ numbers | join }} {{ people | join(", ", attribute="name") }} {{ "abc" | join("-") }} {{ missing | join }}
{{ numbers | first }} {{ numbers | last }} [{{ [] | first }}] {{ "abc" | first }} {{ "abc" | last }} {{ person | first }}
{{ numbers | sort }} {{ numbers | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ people | sort(attribute="age") | map(attribute="name") | list }} {{ people | sort(attribute="name", reverse=true) | map(attribute="name") | join(",") }}
{{ numbers | unique | list }} {{ words | unique | list }} {{ people | unique(attribute="age") | map(attribute="name") | list }}
{{ {"b": 1, "a": 2, "C": 0} | dictsort }} {{ {"b": 1, "a": 2} | dictsort(by="value") }} {{ {"b": 1, "a": 2} | dictsort(reverse=true) }} {{ {"b": 1, "C": 2} | dictsort(true) }}
{{ numbers | reverse | list }} {{ "abc" | reverse }} {{ numbers | sum }} {{ people | sum(attribute="age") }} {{ numbers | min }} {{ numbers | max }} {{ words | min }} {{ people | map(attribute="a.b", default=0) | list }}
{{ words | map("upper") | list }} {{ words | map("replace", "a", "z") | list }} {{ numbers | select("odd") | list }} {{ numbers | reject("odd") | list }} {{ numbers | select(">", 1) | list }} {{ [0, 1, "", "a"] | select | list }} {{ [0, 1, "", "a"] | reject | list }}
{{ people | selectattr("age", "equalto", 25) | map(attribute="name") | list }} {{ people | rejectattr("age", "eq", 25) | map(attribute="name") | list }} {{ people | selectattr("a") | map(attribute="name") | list }} {{ people | selectattr("a", "defined") | list | length }} {{ people | selectattr("name", "in", ["Bob", "Cy"]) | list | length }}
{{ "42" | int }} {{ "4.7" | int }} {{ "x" | int }} {{ "x" | int(9) }} {{ "ff" | int(0, 16) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ nothing | int }} {{ true | int }} {{ "1.5" | float }} {{ "x" | float }} {{ "x" | float(1.0) }} {{ 3 | float }} {{ " 7 " | int }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.561 | round(2, "ceil") }} {{ 2.569 | round(2, "floor") }} {{ 7 | round }} {{ 1234.5 | round(-2) }} {{ -2.5 | round }} {{ 2.675 | round(2) }} {{ -5 | abs }} {{ 5.5 | abs }}
{{ html | e }} {{ html | escape }} {{ html | safe }} {{ 5 | string + "a" }} {{ nothing | string }}
{{ "a\nb\n\nc" | indent }} {{ "a\nb" | indent(2) }} {{ "a\nb" | indent(2, true) }} {{ "a\n\nb" | indent(2, blank=true) }} {{ "a\nb" | indent("> ") }} {{ "a\nb" | indent(width=1, first=true) }}
{{ person | tojson }} {{ mixed | tojson }} {{ control | tojson }} {{ "é😀" | tojson(ensure_ascii=true) }} {{ {"b": 1, "a": [2, {}]} | tojson(sort_keys=true) }} {{ 1.0 | tojson }} {{ [] | tojson }} {{ {} | tojson(indent=2) }} {{ (1, 2) | tojson }}
{{ person | tojson(indent=2) }}
{{ {"a": [1, 2]} | tojson(separators=(",", ":")) }} {{ {"a": [1, 2]} | tojson(indent=1, separators=(",", ":")) }} {{ "</script>" | tojson }}
{{ 5 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ "A" is upper }} {{ "a" is lower }} {{ n is number }} {{ x is integer }} {{ n is integer }} {{ x is float }} {{ yes is boolean }} {{ yes is true }} {{ no is false }} {{ 1 is true }} {{ yes is number }} {{ yes is integer }}
{{ word is string }} {{ person is mapping }} {{ numbers is iterable }} {{ word is iterable }} {{ n is iterable }} {{ numbers is sequence }} {{ person is sequence }} {{ word is sequence }} {{ nothing is none }} {{ nothing is not none }} {{ missing is undefined }} {{ n is defined }} {{ nothing is defined }} {{ missing is iterable }} {{ missing is none }}
{{ n is eq 7 }} {{ n is equalto(7) }} {{ n is ne 7 }} {{ n is gt 3 }} {{ n is lt(3) }} {{ n is in [7] }} {{ n is not in [7] }} {{ n is defined and n is number }} {{ n is sameas n }} {{ "a" is in "abc" }} {{ range is callable }}
{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(5, 0, -2) %}{{ i }},{% endfor %} {{ range(3) | list }} {{ range(0) | list }}
{% for x in numbers %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.length }}{% if loop.first %}F{% endif %}{% if loop.last %}L{% endif %} {% endfor %}
{% for x in numbers %}{{ loop.previtem | default("-") }}<{{ x }}>{{ loop.nextitem | default("-") }} {% endfor %}{% for x in numbers %}{{ loop.cycle("a", "b") }}{% endfor %}
{% for x in numbers if x > 1 %}{{ loop.index }}:{{ x }} of {{ loop.length }};{% endfor %}{% for x in [] %}x{% else %}none{% endfor %}{% for x in numbers if x > 99 %}x{% else %}none{% endfor %}
{% for k, v in person.items() %}{{ k }}={{ v }};{% endfor %} {% for k in person %}{{ k }},{% endfor %} {% for c in "héy" %}{{ c }}.{% endfor %} {% for a, b in [[1, 2], (3, 4)] %}{{ a + b }} {% endfor %} {% for x in missing %}x{% endfor %}
{% for x in numbers %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 10 %}{% break %}{% endif %}{{ x }},{% endfor %}
{% for x in [1, 2] %}{% for y in [3, 4] %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}
{% set a = 1 %}{% for x in [1, 2] %}{% set a = a + x %}{{ a }}{% endfor %}{{ a }} {% if yes %}{% set a = 9 %}{% endif %}{{ a }}
{% set ns = namespace(total=0, seen=[]) %}{% for x in numbers %}{% set ns.total = ns.total + x %}{% set ns.seen = ns.seen + [x] %}{% endfor %}{{ ns.total }} {{ ns.seen }} {{ ns.missing is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set t = 1, 2 %}{{ t }} {% set block %}<{{ n }}>{% endset %}{{ block }} {% set loud | upper %}abc{% endset %}{{ loud }}
{% macro f(a, b=2, c="x") %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c="z") }}{{ f(b=5, a=4) }}{{ f() }}
{% macro fact(k) %}{% if k > 1 %}{{ k * (fact(k - 1) | int) }}{% else %}1{% endif %}{% endmacro %}{{ fact(5) }}
{% set g = 1 %}{% macro h() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ h() }} {% for g in [7] %}{{ h() }}{% endfor %}
{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call wrap("b") %}in {{ n }}{% endcall %}
{% filter upper %}abc {{ word }}{% endfilter %} {% filter trim | replace("a", "b") %}  aaa  {% endfilter %}
{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %} {% if no %}a{% elif no %}b{% else %}c{% endif %} {% if missing %}a{% endif %} {% if nothing or numbers %}t{% endif %}
{# a comment #}a{#- another -#} b {# multi
line #}
c
{% raw %}{{ not }} {% this %}{% endraw %}|{% raw -%}  x  {%- endraw %}|
  {% if yes %}
    indented
  {% endif %}
end
a  {%- if yes -%}  b  {%- endif -%}  c   {{- n -}}   d
a  {%+ if yes +%}
b {% endif %}
c
x
   {{ n }}
   {% set q = 1 %}
   {# c #}
   y
{{ "}}" }} {{ '{%' }} {{ {"a": {"b": 1}}.a.b }} {{ {"a": {}}}}
{{ dict(a=1, b="x") }} {{ dict(a=1).a }} {{ namespace(a=1).a }}
{{ (numbers | sort)[0] }} {{ (people | first).name }} {{ people[0]["a"]["b"] + 1 }} {{ person.tags | length + 1 }} {{ "%s" }} {{ numbers | map("string") | join("+") }}
{{ "abc"|upper|lower|title }} {{ numbers|sort|reverse|list|first }} {{ word.upper().lower().split()[0] }} {{ "x".join(words) }}
{%- for m in people -%}{{ m.name }}{{ ", " if not loop.last }}{%- endfor -%}
{% generation %}g{{ n }}{% endgeneration %} {% set messages = people[1:] %}{{ messages | length }}
{{ messages is defined }} {{ 3 if n is defined else 4 }} {{ [1, 2, 3,] }} {{ {"a": 1,} }} {{ n if n }}
{{ "é" | e ~ "<" }} {{ numbers is string }} {{ "1" ~ 2 + 3 if false else "ok" }} {{ [[1, 2], [3]] | map("length") | list }} {{ [[1, 2], [3]] | map("first") | list }} {{ [3, [1]] | tojson }}
{{ nothing.x is defined }} {{ n.x is defined }} {{ word.nope is defined }} {{ person.name.x | default("none") }} {{ nothing["x"] is undefined }}
{{ 10 | string | length }} {{ 1 == true }} {{ 0 == false }} {{ [] == [] }} {{ {"a": 1} == {"a": 1.0} }} {{ "a" in ["a"] and "b" not in ["a"] }} {{ 1 <= 1 }} {{ none is none }}
"""

# What must be an error.
ERRORS = [
    "{{ missing.attribute }}", "{{ missing + 1 }}", "{{ missing() }}", "{{ missing['x'] }}", "{{ 1 + 'a' }}", "{{ 'a' < 1 }}", "{{ 1 / 0 }}",
    "{{ 1 % 0 }}", "{{ raise_exception('no way') }}", "{% for x in 5 %}{% endfor %}", "{% for x in nothing %}{% endfor %}", "{{ 5 | length }}",
    "{{ 1 | nofilter }}", "{{ 1 is notest }}", "{{ numbers.append(1) }}", "{{ 'a'.nomethod() }}", "{% set person.name = 1 %}", "{{ 1 in 5 }}",
    "{% for a, b in [[1, 2, 3]] %}{% endfor %}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{% endmacro %}{{ f(z=2) }}",
    "{{ missing | tojson }}", "{{ 'abc' | round }}", "{{ nothing < 1 }}", "{{ [1, 'a'] | sort }}", "{{ -'a' }}", "{{ range(1000000) }}",
    "{% if %}{% endif %}", "{% if yes %}", "{% for x in y %}", "{{ 1 + }}", "{{ (1 }}", "{{ [1, 2 }}", "{{ 'open }}", "{{ n", "{% set = 1 %}",
    "{% unknown %}", "{% endif %}", "{{ a b }}", "{# open", "{{ n | }}", "{{ n is }}", "{{ n. }}", "{% else %}", "{% break %}", "{{ & }}", "{{ n[ }}",
    "{% macro f %}{% endmacro %}", "{% set x %}", "{{ f(a=1, 2) }}", "{{ {'a' 1} }}", "{{ 'a'.split('') }}", "{{ n[1:2:0] }}{{ word[::0] }}",
]


def snippets():
    """The lines of SNIPPETS, but for a few that go on: those start with one of these, and have so many lines."""
    lines_of = {"{# a comment": 3, "  {% if yes": 4, "a  {%+": 3}
    made, lines = [], SNIPPETS.strip("\n").split("\n")
    while lines:
        size = next((n for start, n in lines_of.items() if lines[0].startswith(start)), 5 if lines[0] == "x" else 1)
        made.append("\n".join(lines[:size]))
        lines = lines[size:]
    return made


def main():
    env = environment()
    rows = []
    for name, source in FAMILIES.items():
        template = env.from_string(source)
        for turns in TURNS:
            asked = [(None, True, {}), (TOOLS, True, {})] + ([(TOOLS, False, {})] if turns is TURNS[1] else []) + [(TOOLS, True, e) for e in EXTRA.get(name, [])]
            for tools, prompt, more in asked:
                context = {"messages": turns, "tools": tools, "documents": None, "add_generation_prompt": prompt,
                           "bos_token": "<s>", "eos_token": "</s>", **more}
                row = {"family": name, "context": context}
                try:
                    row["text"] = template.render(**context)
                except Exception as error:  # Whatever Python raises, the template refuses.
                    row["error"] = str(error)
                rows.append(row)
    small = []
    for source in snippets() + [s + "\n" for s in ["a\n", "{{ n }}\n", "a\r\nb\r\n"]]:
        small.append({"source": source, "text": env.from_string(source).render(**CONTEXT)})
    for source in ERRORS:
        try:
            text = env.from_string(source).render(**CONTEXT)
        except Exception:
            continue
        raise AssertionError(f"{source} gives {text!r}")
    contexts = []
    for row in rows:
        if row["context"] not in contexts:
            contexts.append(row["context"])
        row["context"] = contexts.index(row["context"])
    value = {"families": FAMILIES, "contexts": contexts, "conversations": rows, "context": CONTEXT, "snippets": small, "errors": ERRORS}
    path = pathlib.Path(__file__).parent / "templates.json"
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
