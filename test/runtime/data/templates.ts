// Chat templates in the forms that models have them, and the special tokens of each.
interface Known {
  readonly source: string;
  readonly specials: readonly string[];
  /** What closes a reply and is learned with it. */
  readonly closing: string;
}

const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

export const templates = {
  chatml: { source: chatml, specials: ["<|im_start|>", "<|im_end|>"], closing: "<|im_end|>" },
  llama3: {
    source:
      "{% set loop_messages = messages %}{% for message in loop_messages %}" +
      "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}" +
      "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    specials: ["<s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    closing: "<|eot_id|>",
  },
  llama2: {
    source:
      "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}" +
      "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}" +
      "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}" +
      "{% elif message['role'] == 'assistant' %}{{ ' '  + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    specials: ["<s>", "</s>"],
    closing: " </s>",
  },
  mistral: {
    source:
      "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}" +
      "{{ '[INST]' + message['content'] + '[/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}",
    specials: ["<s>", "</s>", "[INST]", "[/INST]"],
    closing: "</s>",
  },
  phi3: {
    source:
      "{% for message in messages %}{{ '<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    specials: ["<|user|>", "<|assistant|>", "<|end|>", "</s>"],
    closing: "<|end|>",
  },
  gemma: {
    source:
      "{{ bos_token }}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}" +
      "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
    specials: ["<s>", "<start_of_turn>", "<end_of_turn>"],
    closing: "<end_of_turn>",
  },
  vicuna: {
    source:
      "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + '\n' }}" +
      "{% else %}{{ 'ASSISTANT: ' + message['content'] + '\n' }}{% endif %}{% endfor %}",
    specials: [],
    closing: "",
  },
  thinking: {
    source:
      "{%- set ns = namespace(last=0) %}{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}" +
      "{%- for m in messages %}{%- set content = m.content %}{%- set thought = '' %}" +
      "{%- if m.role == 'assistant' and '</think>' in content %}" +
      "{%- set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}" +
      "{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}" +
      "{{- '<|im_start|>' + m.role + '\n' }}" +
      "{%- if thought and loop.index0 > ns.last %}{{- '<think>\n' + thought + '\n</think>\n\n' }}{%- endif %}" +
      "{{- content + '<|im_end|>\n' }}{%- endfor %}" +
      "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}",
    specials: ["<|im_start|>", "<|im_end|>"],
    closing: "<|im_end|>",
  },
} as const satisfies Readonly<Record<string, Known>>;
