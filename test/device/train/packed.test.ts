// Packed rows on the device that is there: the losses are those of the same documents with a row each, and the shared recipe of
// pretraining trains as it is written.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixtures, put, temporaryFolder } from "../../runtime/checkpoint/files.ts";
import { lexicon } from "../../runtime/data/files.ts";
import { folderOf, trainIn } from "./reference-job.ts";

const length = 40;

const recipe = (adapter: string, rows: number, pack: boolean): string => `recipe packed {
  model "base"${adapter === "" ? " { train: all }" : ""}
  ${adapter}
  data "rows.jsonl" { format: tokens, length: ${length}, pack: ${pack} }
  evaluation "rows.jsonl" { every: 1 steps }
  batch ${rows}
  optimizer sgd { rate: 0.1 }
  training 3 steps
  output "out"
}`;

/** Longer than the windows of the models that have one; two share each row. */
const documents = [30, 9, 5, 20].map((size, which) => {
  const input_ids = Array.from({ length: size }, (_, t) => 7 + ((which * 61 + t * t * 17 + t * 5) % 300));
  return JSON.stringify({ input_ids });
});

async function losses(model: string, adapter: string, pack: boolean): Promise<number[]> {
  const folder = folderOf(model);
  put(folder, "rows.jsonl", documents.join("\n"));
  const { lines } = await trainIn(folder, recipe(adapter, pack ? 2 : 4, pack));
  return lines.flatMap((line) => {
    const own = line as unknown as Readonly<Record<string, unknown>>;
    return [own["loss"], own["eval_loss"]].filter((value) => typeof value === "number");
  });
}

// The interpreter does all of them in float64; here it is the kernels that must keep documents apart.
test.each([
  ["gpt2", ""],
  ["mistral", "adapter prompt_tuning { tokens: 3 }"],
])("%s %s", { timeout: 240_000 }, async (model, adapter) => {
  const [alone, packed] = [await losses(model, adapter, false), await losses(model, adapter, true)];
  expect(alone.length).toBe(6);
  expect(packed.length).toBe(6);
  for (const [at, loss] of packed.entries()) {
    const expected = alone[at] ?? NaN;
    expect(Math.abs(loss - expected)).toBeLessThan(1e-5 * expected);
  }
  expect(packed[0]).not.toBe(packed[2]);
});

test("gpt2-full.ftl, unchanged but for the size of its model", { timeout: 240_000 }, async () => {
  const folder = temporaryFolder();
  const config = {
    model_type: "gpt2",
    vocab_size: 1024,
    n_positions: 512,
    n_embd: 16,
    n_layer: 1,
    n_head: 2,
    pad_token_id: 0,
  };
  mkdirSync(join(folder, "configs/gpt2"), { recursive: true });
  put(folder, "configs/gpt2/config.json", JSON.stringify(config));
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    put(folder, `configs/gpt2/${name}`, readFileSync(join(lexicon, name), "utf8"));
  put(folder, "corpus.txt", readFileSync(join(lexicon, "wordnet-held.txt"), "utf8").repeat(60));
  const text = readFileSync(join(fixtures, "recipes/gpt2-full.ftl"), "utf8");
  // Two of its 62 steps, of 32 rows of 512 tokens each.
  const { lines } = await trainIn(folder, text, ["training=20k tokens", 'output="out"']);
  expect(lines.length).toBe(2);
  expect(lines[0]?.tokens).toBe(32 * 512);
  // Every position of a row but its first is learned; one of the rows is the last of the text, and shorter.
  for (const { tokens, trained_tokens } of lines) expect(trained_tokens).toBe(tokens - 32);
  expect(Math.abs((lines[0]?.loss ?? NaN) - Math.log(1024))).toBeLessThan(0.1);
});
