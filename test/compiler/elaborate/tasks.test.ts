// Tasks of one's own, and heads that do not fit: what a task learns is told by the parameters of its loss.
import { expect, test } from "vitest";
import { renderText } from "../../../compiler/diagnostics/render.ts";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { exampleConfig } from "../../../compiler/language/example.ts";
import { resolve } from "../../../compiler/language/resolve.ts";
import { readRecipe } from "../../../compiler/front.ts";

const config = {
  vocab_size: 11,
  hidden_size: 8,
  num_attention_heads: 2,
  num_hidden_layers: 2,
  intermediate_size: 12,
  max_position_embeddings: 20,
  type_vocab_size: 1,
  pad_token_id: 1,
  rms_norm_eps: 1e-5,
  hidden_act: "gelu",
};

/** The architecture's example; for the two that mistakes are tried on, a small one that is known here. */
function configOf(model: string): object {
  if (model === "llama" || model === "roberta") return { ...config, model_type: model };
  const definition = scope.lookup("architecture", model, "any.ftl");
  if (definition === undefined) throw new Error(`no architecture ${model}`);
  return exampleConfig(definition);
}

interface Asked {
  readonly model: string;
  readonly clauses: string;
  readonly format: string;
  readonly own?: string;
  readonly train?: "all";
}

const { scope } = resolve({ path: "any.ftl", text: "" }, () => undefined);

/** What comes of a recipe, or what is wrong with it as the reader sees it. */
function made({ model, clauses, format, own = "", train }: Asked): Elaborated | string {
  const text = `import "own.ftl"
recipe own {
  model     "model" { train: ${train ?? "none"} }
  ${clauses}
  data      "rows.jsonl" { format: ${format}, length: 8 }
  batch     2
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;
  const files = new Map([
    ["own.ftl", own],
    ["model/config.json", JSON.stringify(configOf(model))],
  ]);
  const front = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  if (front.input === undefined) return renderText(front.diagnostics);
  const { elaborated, diagnostics } = elaborate(front.input);
  return elaborated ?? renderText(diagnostics);
}

const lora = "adapter lora { rank: 2 }";

const mistakes: Readonly<Record<string, Asked>> = {
  "words where classes are learned": {
    model: "llama",
    clauses: `${lora}, head classify { labels: 3 }`,
    format: "tokens",
  },
  "classes where words are learned": { model: "llama", clauses: lora, format: "label" },
  "replies where words are hidden": { model: "roberta", clauses: `${lora}, head masked`, format: "prompt" },
  "the next word of an encoder": { model: "roberta", clauses: lora, format: "tokens" },
  "hidden words of a decoder": { model: "llama", clauses: `${lora}, head masked`, format: "tokens" },
  "one class": { model: "llama", clauses: `${lora}, head classify { labels: 1 }`, format: "label" },
  "a loss that asks for what nobody brings": {
    model: "llama",
    clauses: `${lora}, head odd`,
    format: "tokens",
    own: "task odd() { loss(ids, weather) { 0 } }",
  },
  "a loss that learns nothing": {
    model: "llama",
    clauses: `${lora}, head odd`,
    format: "tokens",
    own: "task odd() { loss(ids: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) { sum(model(model.embed(ids), positions, segments)) } }",
  },
};

test.each(Object.keys(mistakes))("%s", (name) => {
  const asked = mistakes[name];
  if (asked === undefined) throw new Error("no such case");
  expect(made(asked)).toMatchSnapshot();
});

test("with an adapter the head trains, begins at random where no file has it, and is saved beside the adapter", () => {
  for (const [model, names] of [
    ["llama", ["score.weight"]],
    [
      "roberta",
      ["dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias"].map((name) => `classifier.${name}`),
    ],
  ] as const) {
    const found = made({ model, clauses: `${lora}, head classify { labels: 3 }`, format: "label" });
    if (typeof found === "string") throw new Error(found);
    const optional = found.module.variables.filter(({ initial }) => initial.from === "optional");
    expect(optional.map(({ name }) => name).toSorted()).toEqual([...names].sort());
    const trained = new Set(found.trained.map(({ weight }) => weight));
    expect(optional.every(({ name }) => trained.has(name))).toBe(true);
    const saved = found.adapters[0]?.saved.flatMap(({ keys }) => keys) ?? [];
    for (const name of names) expect(saved).toContain(`base_model.model.${name}`);
    expect(found.adapters[0]?.fields.get("modules_to_save")).toEqual(["classifier", "score"]);
    expect(found.model).toEqual([]);
    expect(found.learns).toEqual({ kind: "classes", count: 3 });
    // Nothing that predicts words is read.
    expect(found.module.variables.some(({ name }) => name.startsWith("lm_head"))).toBe(false);
  }
});

test("beside prompts, which wrap the model once, the head has PEFT's shorter name", () => {
  const clauses = "adapter prompt_tuning { tokens: 2 }, head classify { labels: 3 }";
  const found = made({ model: "llama", clauses, format: "label" });
  if (typeof found === "string") throw new Error(found);
  const saved = found.adapters[0]?.saved.flatMap(({ keys }) => keys);
  expect(saved).toEqual(["prompt_embeddings", "base_model.score.weight"]);
});

test("a task of one's own is one definition: the hidden words of every position, all of them learned", () => {
  const own = `import "stdlib/functions/losses.ftl"
task copy() {
  loss(ids: [rows, tokens], labels: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let x = model(model.embed(ids), positions, segments)
    sum(cross_entropy(model.logits(reshape(x, [rows * tokens, model.hidden])), reshape(labels, [rows * tokens])))
  }
}`;
  const found = made({ model: "roberta", clauses: `${lora}, head copy`, format: "tokens", own });
  if (typeof found === "string") throw new Error(found);
  expect(found.learns).toEqual({ kind: "labels", masking: undefined });
  expect(found.module.variables.map(({ name }) => name)).toContain("labels");
});

test.each(scope.names("architecture", "any.ftl"))(
  "%s classifies with an adapter and trained whole",
  (model) => {
    const names = (how: Pick<Asked, "clauses" | "train">): string[] => {
      const clauses = `${how.clauses}\n  head classify { labels: 4 }`;
      const found = made({ ...how, model, clauses, format: "label" });
      if (typeof found === "string") throw new Error(found);
      const { variables } = found.module;
      return variables.filter(({ initial }) => initial.from === "optional").map(({ name }) => name);
    };
    const head = model === "roberta" ? 4 : 1;
    expect(names({ clauses: lora })).toHaveLength(head);
    expect(names({ clauses: "", train: "all" })).toHaveLength(head);
  },
);
