// A model whose weights, adapter and optimizer state live in the host's memory, at every command: figures, texts and files are those of the
// same model on the device.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ftlc, root, temporaryFolder } from "../../cli/run.ts";
import { job, recipe } from "./tiny.ts";

const away = recipe
  .replace('"base"', '"base" { offload: host }')
  .replace('start: "adapter_init"', 'start: "adapter_init", offload: host')
  .replace("clip: 1.0", "clip: 1.0, offload: host");
const here = away.replaceAll(/,? *offload: host/g, "");

async function ran(folder: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await ftlc(args, { cwd: folder });
  expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
  return out;
}

test("evaluates and is merged as on the device", { timeout: 240_000 }, async () => {
  const found = [];
  for (const text of [here, away]) {
    const folder = job(text);
    const plan = JSON.parse(await ran(folder, "compile", "tiny.ftl", "--plan=json")) as {
      readonly memory: { readonly host: { readonly held_bytes: number } };
    };
    expect(plan.memory.host.held_bytes > 0).toBe(text === away);
    const figures = await ran(folder, "eval", "tiny.ftl", "--json", "--adapter", "adapter_final");
    const to = ["--adapter", "adapter_final", "--to", "merged", "-o", "merged"];
    await ran(folder, "export", "--recipe", "tiny.ftl", ...to);
    const { eval_loss: loss } = JSON.parse(figures) as { readonly eval_loss: number };
    found.push({ loss, merged: readFileSync(join(folder, "merged/model.safetensors")) });
  }
  const [first, second] = found;
  expect(second?.loss).toBe(first?.loss);
  expect(first !== undefined && second?.merged.equals(first.merged)).toBe(true);
});

test("writes texts as PyTorch does", { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  const text = `recipe words {
  model     "${join(root, "examples/lexicon-1m")}" { offload: host }
  adapter   lora { rank: 2, offload: host }
  data      "rows.jsonl" { format: prompt, length: 64 }
  batch     1
  optimizer sgd { rate: 0.1 }
  training  1 steps
}`;
  writeFileSync(join(folder, "words.ftl"), text);
  const out = await ran(folder, "generate", "words.ftl", "--prompt", "hacker (noun):", "--adapter", "none");
  expect(out).toBe(" a person who holds a hacker\n");
});
