// A small model with random weights for tests of elaboration: no files, a recipe with the clauses at hand.
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";

export interface Tiny {
  /** The recipe's adapter clauses; empty: everything trains. */
  readonly adapter?: string;
  readonly layers?: number;
  /** What follows the word "optimizer". */
  readonly optimizer?: string;
  /** The weights come from files instead of a seed. */
  readonly files?: boolean;
  /** More clauses. */
  readonly extra?: string;
}

const config = (layers: number): string =>
  JSON.stringify({
    model_type: "llama",
    hidden_size: 16,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 24,
    num_hidden_layers: layers,
    vocab_size: 29,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
  });

/** The files of a recipe by path. */
export function tiny({
  adapter = "",
  layers = 2,
  optimizer = "sgd { rate: 0.1 }",
  files = false,
  extra = "",
}: Tiny): Map<string, string> {
  const recipe = `recipe tiny {
    model     "model" { train: ${adapter === "" ? "all" : "none"}${files ? "" : ", init: random { seed: 1 }"} }
    ${adapter}
    data      "rows.jsonl" { format: tokens, length: 8 }
    batch     4
    ${extra}
    optimizer ${optimizer}
    training  3 steps
  }`;
  return new Map([
    ["recipe.ftl", recipe],
    ["model/config.json", config(layers)],
  ]);
}

/** What the recipe elaborates to; mistakes are thrown. */
export function elaborated(files: ReadonlyMap<string, string>): Elaborated {
  const text = files.get("recipe.ftl") ?? "";
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  const found = input === undefined ? undefined : elaborate(input);
  if (found?.elaborated === undefined) {
    const all = [...diagnostics, ...(found?.diagnostics ?? [])];
    throw new Error(all.map(({ code, message }) => `${code} ${message}`).join("\n"));
  }
  return found.elaborated;
}
