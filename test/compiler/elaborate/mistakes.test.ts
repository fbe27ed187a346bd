// Mistakes in definitions, as the reader sees them: where they are, and the other place that matters. Refresh with `vitest -u`.
import { expect, test } from "vitest";
import { textOf } from "../../../grammar/source.ts";
import { renderText } from "../../../compiler/diagnostics/render.ts";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { tiny } from "./small.ts";

const recipe = `import "own.ftl"
recipe own {
  model     "model" { train: all }
  data      "rows.jsonl" { format: tokens, length: 8 }
  batch     2
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;

/** A model whose body is given; everything else is right. */
const architecture = (body: string): string => `import "stdlib/modules/embedding.ftl"
import "stdlib/modules/linear.ftl"
import "stdlib/functions/activations.ftl"

architecture bag(config) {
  let vocabulary = config.vocab_size
  embedding embed [vocabulary, config.width] at "embed"
  linear mix [config.width -> config.wide] at "mix"
  forward(x: [rows, tokens, config.width], positions: [rows, tokens], segments: [rows, tokens]) {
    ${body}
  }
  logits(x: [n, config.width]) -> [n, vocabulary] { x @ embed.W.T }
}
`;

const cases: Readonly<Record<string, string>> = {
  "sizes that do not fit": "x + mix(x)",
  "a product with the wrong side": "x @ mix.W",
  "a shape that is not the declared one": "mix(mix(x))",
  "a reshape that loses elements": "reshape(x, [rows, tokens, 3])",
  "a call without an argument": "activation(x)",
  "an activation that nobody knows": "activation(config.act, x)",
  "a condition on a tensor": "if x > 0 { x } else { x }",
  "an index outside": "x[.., 4]",
  "a field that a module does not have": "x + mix.weight",
  "an axis that is not there": "sum(x, over: 3)",
};

test.each(Object.keys(cases))("%s", (name) => {
  const files = new Map([
    ["own.ftl", architecture(cases[name] ?? "")],
    [
      "model/config.json",
      JSON.stringify({ model_type: "bag", vocab_size: 11, width: 4, wide: 6, act: "swash" }),
    ],
  ]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  const found = input === undefined ? diagnostics : elaborate(input).diagnostics;
  expect(found.length).toBeGreaterThan(0);
  expect(renderText(found)).toMatchSnapshot();
});

/** An adapter whose trained tensor is given. */
const adapter = (train: string): string => `adapter own(k: number = 0) on linear {
  ${train}
  forward(x: [.., in], y: [.., out]) -> [.., out] { y + sum(A) }
}
`;

const adapterCases: Readonly<Record<string, string>> = {
  "a first value of another shape": "train A [in] = norm(base.W, over: in)",
  "a first value that is none": 'train A [in] = "ones"',
  "no first value": "train A [in]",
  "a rate of nothing": "train A [in] = 0 { rate: k }",
};

test.each(Object.keys(adapterCases))("an adapter with %s", (name) => {
  const files = tiny({ adapter: "adapter own" });
  files.set("own.ftl", adapter(adapterCases[name] ?? ""));
  const text = `import "own.ftl"\n${files.get("recipe.ftl") ?? ""}`;
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  const found = input === undefined ? diagnostics : elaborate(input).diagnostics;
  expect(found.length).toBeGreaterThan(0);
  expect(renderText(found)).toMatchSnapshot();
});

/** A module that keeps what is given, where rows come in pieces. */
const keeping: Readonly<Record<string, string>> = {
  "a state of another shape": "if past() != none { kept = x[0, 0] }\n    x",
  "a state that is kept for whole rows": "kept = x[0, 0..<1]\n    x",
  "a state that is kept in parts of rows":
    "reshape(chunks(y => inside(y), reshape(x, [rows * tokens, 1, width]), each: 1e7), x.shape)",
};

test.each(Object.keys(keeping))("%s", (name) => {
  const own = `
module inner[width]() {
  state kept [1, width] = 0
  forward(x: [rows, tokens, width]) {
    if past() != none { kept = x[0, 0..<1] }
    x
  }
}

module keeper[width]() {
  state kept [1, width] = 0
  inner inside [width] at "inside"
  forward(x: [rows, tokens, width]) {
    ${keeping[name]}
  }
}
`;
  const files = new Map([
    [
      "own.ftl",
      `${architecture("keeper(x)").replace("  forward", '  keeper keeper [config.width] at "k"\n  forward')}${own}`,
    ],
    ["model/config.json", JSON.stringify({ model_type: "bag", vocab_size: 11, width: 4, wide: 6 })],
  ]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  const purposes = ["evaluate", "generate"] as const;
  const found = input === undefined ? diagnostics : elaborate({ ...input, purposes }).diagnostics;
  expect(found.length).toBeGreaterThan(0);
  expect(renderText(found)).toMatchSnapshot();
});

/** Methods whose `step` is given, on a model that is right. */
const methods: Readonly<Record<string, string>> = {
  "a method that measures nothing": "w => w",
  "a method whose step gives no function": "loss()",
  "a second loss in a step along a direction": "let a = loss()\n    let b = loss(along: w => w)\n    w => w",
  "random numbers for what does not train": "let a = loss()\n    w => normal(like: w * 2)",
  "single weights that move, with a state for rows": "let a = loss()\n    w => (w, w > 0)",
};

test.each(Object.keys(methods))("%s", (name) => {
  const own = `optimizer rows(rate: number) {
  state r [1] = 0
  update(w, g, s) {
    r = r + 1
    w = w - rate * g
  }
}

method own() {
  step(loss, s) {
    ${methods[name]}
  }
}
`;
  const files = new Map([
    ["own.ftl", `${architecture("x + x")}\n${own}`],
    ["model/config.json", JSON.stringify({ model_type: "bag", vocab_size: 11, width: 4, wide: 6 })],
  ]);
  const text = recipe.replace("optimizer sgd { rate: 1e-3 }", "method own\n  optimizer rows { rate: 1e-3 }");
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  const found = input === undefined ? diagnostics : elaborate(input).diagnostics;
  expect(found.length).toBeGreaterThan(0);
  expect(renderText(found)).toMatchSnapshot();
});

const optionCases: Readonly<Record<string, string>> = {
  "first values that the library does not have": "adapter lora { rank: 2, init: spectral }",
  "a share to drop above one": "adapter lora { rank: 2, dropout: 1.5 }",
  "a rate of its own beside none": "adapter lora { rank: 2, ratio: 16 }",
  "a rate of its own that is none": "adapter lora { rank: 2, ratio: 0 }",
};

test.each(Object.keys(optionCases))("an adapter's option: %s", (name) => {
  const optimizer = name.endsWith("beside none") ? "adafactor" : "sgd { rate: 0.1 }";
  const files = tiny({ adapter: optionCases[name] ?? "", optimizer });
  const text = files.get("recipe.ftl") ?? "";
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  const [found] = input === undefined ? diagnostics : elaborate(input).diagnostics;
  // Lines of the library move; the recipe's do not.
  expect([
    found?.code,
    found?.message,
    found?.span.source.path,
    found && textOf(found.span),
  ]).toMatchSnapshot();
});
