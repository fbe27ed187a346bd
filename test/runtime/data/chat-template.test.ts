// A chat template is found where models have it, and is held to its limits: it is a program from a stranger.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { openChatTemplate, startRenderer, type RenderLimits } from "../../../runtime/data/chat-template.ts";
import { readDocuments } from "../../../runtime/data/read.ts";
import { openTokenizer } from "../../../runtime/data/tokenizer.ts";
import { put, temporaryFolder } from "../checkpoint/files.ts";
import { lexicon } from "./files.ts";
import { templates } from "./templates.ts";

const hello = [{ role: "user", content: "hello" }];

function folderWith(config: unknown, jinja?: string): string {
  const folder = temporaryFolder();
  put(folder, "tokenizer_config.json", JSON.stringify(config));
  if (jinja !== undefined) put(folder, "chat_template.jinja", jinja);
  return folder;
}

describe("a template is found", () => {
  test("in tokenizer_config.json, with the tokens that it may name", async () => {
    const folder = folderWith({
      chat_template: "a",
      bos_token: { content: "<s>" },
      eos_token: "</s>",
      unk_token: null,
    });
    expect(await openChatTemplate(folder)).toEqual({
      path: join(folder, "tokenizer_config.json"),
      source: "a",
      tokens: { bos_token: "<s>", eos_token: "</s>" },
    });
  });

  test("in chat_template.jinja first, and in a list by its name", async () => {
    expect((await openChatTemplate(folderWith({ chat_template: "a" }, "b"))).source).toBe("b");
    const list = [
      { name: "tool_use", template: "a" },
      { name: "default", template: "b" },
    ];
    expect((await openChatTemplate(folderWith({ chat_template: list }))).source).toBe("b");
  });

  test.for([
    [
      {},
      /chat_template\.jinja: there is no chat template; write one into this file, such as \{% for m in messages %\}/,
    ],
    [{ chat_template: 3 }, /field "chat_template" is neither a string nor a list with a default/],
    [{ chat_template: [{ name: "x", template: "a" }] }, /neither a string nor a list with a default/],
    [{ chat_template: "a\ufdd2" }, /code points that are no characters/],
    [{ chat_template: "a".repeat(2 ** 20 + 1) }, /has more than 1048576 characters/],
  ] as const)("or it is said what is wrong: %#", async ([config, message]) => {
    await expect(openChatTemplate(folderWith(config))).rejects.toThrow(message);
  });
});

describe("a template is ended", () => {
  const small: RenderLimits = { time: 30_000, longest: 1000, memory: 48 };

  async function rendered(source: string, limits: Partial<RenderLimits> = {}, messages = hello) {
    const renderer = startRenderer(
      { path: "chat_template.jinja", source, tokens: {} },
      { ...small, ...limits },
    );
    try {
      return await renderer.render(messages, false);
    } finally {
      await renderer.close();
    }
  }

  test("that takes too long", async () => {
    const loop =
      "{% for a in range(900) %}{% for b in range(900) %}{% for c in range(900) %}{% endfor %}{% endfor %}{% endfor %}";
    await expect(rendered(loop, { time: 400 })).rejects.toThrow(
      "chat_template.jinja: its chat template takes more than 0.4 s for one conversation",
    );
  });

  test("that takes too much memory", async () => {
    const grow =
      "{% set ns = namespace(all=[]) %}{% for a in range(900) %}{% for b in range(900) %}{% set ns.all = ns.all + [[a, b, range(900)]] %}{% endfor %}{% endfor %}";
    await expect(rendered(grow)).rejects.toThrow(
      "its chat template needs more than 48 MiB for one conversation",
    );
  });

  test.for([
    ["{% for a in range(600) %}ab{% endfor %}", "it makes more than 1000 characters"],
    ["{{ range(2000) }}", "a range is too long"],
    [
      "{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}",
      "it goes too deep, or makes a text that is too long",
    ],
    [
      "{% set ns = namespace(t='ab') %}{% for a in range(40) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
      "it goes too deep, or makes a text that is too long",
    ],
    ["{{ raise_exception('no') }}", "no"],
    ["{{ strftime_now('%Y') }}", "Cannot call something that is not a function: got UndefinedValue"],
    [
      "{{ messages[0].constructor.constructor('return process')() }}",
      "Cannot call something that is not a function",
    ],
  ] as const)("or refuses: %s", { timeout: 60_000 }, async ([source, reason]) => {
    expect(await rendered(source)).toEqual({
      kind: "refused",
      reason: expect.stringContaining(reason),
    });
  });

  test("that is no Jinja", async () => {
    await expect(rendered("{% for %}")).rejects.toThrow(CheckpointError);
    await expect(rendered("{% if x %}")).rejects.toThrow(
      /chat_template\.jinja: its chat template is no good Jinja: /,
    );
    await expect(rendered(`{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`)).rejects.toThrow(
      /is no good Jinja/,
    );
  });

  test("after which there is nothing to ask", async () => {
    const renderer = startRenderer({ path: "t.jinja", source: "a", tokens: {} }, small);
    expect(await renderer.render(hello, false)).toEqual({ kind: "text", text: "a" });
    await renderer.close();
    await expect(renderer.render(hello, false)).rejects.toThrow(CheckpointError);
  });
});

test("a file of conversations: rows in order, wrong ones named with file, line and field", async () => {
  const tokenizer = await openTokenizer(lexicon);
  const template = { path: "t", source: templates.vicuna.source, tokens: {} };
  const row = (...texts: readonly string[]): string =>
    JSON.stringify({
      messages: texts.map((content, at) => ({ role: at % 2 === 0 ? "user" : "assistant", content })),
    });
  const source = { format: "chat", tokenizer, template, length: 64, vocab: 1024 } as const;
  const path = put(temporaryFolder(), "talk.jsonl", `${row("a", "b")}\n\n${row("c", "d", "e", "f")}\n`);
  const documents = await readDocuments({ ...source, path });
  expect(documents.count).toBe(2);
  expect(tokenizer.decode(documents.ids(1, 0, documents.size(1)))).toBe(
    "USER: c\nASSISTANT: d\nUSER: e\nASSISTANT: f\n",
  );
  const wrong = put(temporaryFolder(), "talk.jsonl", `${row("a")}\n{"messages": [{"role": "user"}]}\n{}\n`);
  await expect(readDocuments({ ...source, path: wrong })).rejects.toThrow(
    `${wrong}:2: field "messages[0].content" is missing; expected a string\n${wrong}:3: field "messages" is missing`,
  );
});
