// Adapters that put positions in front of a row, where a row is several documents: who fills them, and who is refused.
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { usual, type Purpose } from "../../../compiler/language/purposes.ts";
import { textOf } from "../../../grammar/source.ts";

const config = {
  model_type: "gpt2",
  vocab_size: 11,
  n_positions: 64,
  n_embd: 8,
  n_layer: 2,
  n_head: 2,
};

function compiled(
  adapters: readonly string[],
  rows: string,
  more = "",
  purposes: readonly Purpose[] = usual,
) {
  const files = new Map([
    ["model/config.json", JSON.stringify(config)],
    [
      "lead.ftl",
      `adapter lead(tokens: number) on model {
        train p [tokens, base.hidden] = 0
        front() { tokens }
        forward(x, positions, segments) { base(x, positions, segments) }
      }`,
    ],
  ]);
  const text = `import "lead.ftl"
recipe r {
  model "model"
  ${adapters.map((each) => `adapter ${each}`).join("\n  ")}
  ${rows}
  batch 2
  optimizer sgd { rate: 0.1 }
  training 1 steps
  ${more}
}`;
  const { plan, diagnostics } = compile(text, { path: "r.ftl", read: (path) => files.get(path), purposes });
  const found = diagnostics.map(({ code, message, span, related }) => {
    const places = [span, ...related.map((other) => other.span)].map((place) => textOf(place));
    return [code, message, ...places].join(" | ");
  });
  return { hash: plan?.hash, job: plan?.job, found };
}

const packed = 'data "d.jsonl" { format: tokens, length: 16, pack: true }';
const alone = 'data "d.jsonl" { format: tokens, length: 16 }';

test("prompts have room in every document of a packed row, and stand in front of a row that is one", () => {
  const prompt = "prompt_tuning { tokens: 3 }";
  expect(compiled([prompt], packed)).toMatchObject({ job: { tokens: 19, room: 3 }, found: [] });
  expect(compiled([prompt], alone)).toMatchObject({ job: { tokens: 16, room: 0 }, found: [] });
});

test("evaluation on packed rows leaves room too, in the rows to learn from as well", () => {
  const more = 'evaluation "e.jsonl" { pack: true }';
  expect(compiled(["prompt_tuning { tokens: 3 }"], alone, more).job).toMatchObject({ tokens: 19, room: 3 });
});

test("keys and values in front need no room", () => {
  expect(compiled(["prefix_tuning { tokens: 3 }"], packed).job).toMatchObject({ tokens: 16, room: 0 });
});

test("an adapter that does not say how, and a second one in front, are refused", () => {
  expect(compiled(["lead { tokens: 3 }"], packed).found).toEqual([
    "FTL0748 | adapter 'lead' does not say what it does with rows of several documents | adapter lead { tokens: 3 } | lead",
  ]);
  expect(compiled(["lead { tokens: 3 }"], alone).found).toEqual([]);
  const two = ["prompt_tuning { tokens: 3 }", "prefix_tuning { tokens: 2 }"];
  expect(compiled(two, packed).found).toEqual([
    "FTL0748 | several adapters put positions in front of a row, which rows of several documents cannot have | adapter prompt_tuning { tokens: 3 }",
  ]);
  expect(compiled(two, alone).found).toEqual([]);
});

test("a text is generated from one document, however rows are packed", () => {
  const prompt = ["prompt_tuning { tokens: 3 }"];
  const [one, several] = [alone, packed].map((rows) => compiled(prompt, rows, "", ["generate"]));
  expect(several?.found).toEqual([]);
  expect(several?.hash).toBe(one?.hash);
  expect(compiled(prompt, packed, "", ["generate", "evaluate"]).found).toEqual([
    "FTL0748 | adapter 'prompt_tuning' stands in front of each document of a row, or in front of a text | adapter prompt_tuning { tokens: 3 }",
  ]);
});
