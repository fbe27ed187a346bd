// Greedy decoding on the device that is there: the words that PyTorch's models choose, for every decoder of the reference; and with rows or
// keys in front, the words that the whole row has at its end.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, type CompileOptions } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openDevice, type OpenedDevice } from "../../../runtime/device/open.ts";
import { choose } from "../../../runtime/generate/sampling.ts";
import { words } from "../../../runtime/generate/words.ts";
import { openTuned } from "../../../runtime/train/tuned.ts";
import { methodFolder } from "../../compiler/parity/reference.ts";
import { referenceModel } from "../train/reference-job.ts";

let opened: OpenedDevice;
beforeAll(async () => {
  opened = await openDevice();
});
afterAll(() => opened.close());

interface Greedy {
  readonly prompt: readonly number[];
  readonly continuation: readonly number[];
  readonly margins: readonly number[];
}

function greedyOf(model: string): Greedy {
  return JSON.parse(readFileSync(join(referenceModel(model), "greedy.json"), "utf8")) as Greedy;
}

/** A plan of a model that may have an adapter, for rows of so many words. */
function planned(
  model: string,
  adapter: string,
  from: string,
  length: number,
  purpose: "generate" | "score",
) {
  const text = `recipe greedy {
    model     "${join(referenceModel(model), "base")}" { train: ${adapter === "" ? "all" : "none"} }
    ${adapter === "" ? "" : `adapter ${adapter}`}
    data      "rows.jsonl" { format: tokens, length: ${length} }
    batch     1
    optimizer sgd { rate: 0.1 }
    training  1 steps
  }`;
  const adapters = new Map(adapter === "" ? [] : [[adapter.split(" ", 1)[0] ?? "", from]]);
  const options: CompileOptions = {
    path: "/recipe.ftl",
    read: (path) => (path.endsWith("config.json") ? readFileSync(path, "utf8") : undefined),
    profile: profileFromDevice(opened.facts),
    purposes: [purpose],
    tuned: { adapters },
  };
  const { plan, settings, facts, diagnostics } = compile(text, options);
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { plan, settings, facts, folder: "/", device: opened.device };
}

async function written(
  model: string,
  adapter: string,
  from: string,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  const input = planned(model, adapter, from, prompt.length + count - 1, "generate");
  const { generating } = input.facts;
  if (generating === undefined) throw new Error("the plan generates nothing");
  const session = await openTuned(input);
  try {
    const next = (scores: Float32Array): number =>
      choose(scores, { temperature: 0, topK: undefined, topP: 1 }, () => 0);
    const text: number[] = [];
    for await (const word of words({ session, generating, prompt: Int32Array.from(prompt), count, next }))
      text.push(word);
    expect(opened.takeErrors()).toEqual([]);
    return text;
  } finally {
    session.close();
  }
}

const models = [
  "llama",
  "llama-linear-rope",
  "llama-dynamic-rope",
  "llama-yarn",
  "llama3-scaled-rope",
  "qwen2",
  "qwen3",
  "mistral",
  "gemma",
  "gemma2",
  "phi3",
  "phi3-longrope",
  "gpt2",
  "gpt-neox",
  "falcon-7b-style",
  "falcon-40b-style",
  "opt",
];

test.each(models)("%s writes what PyTorch writes", { timeout: 120_000 }, async (model) => {
  const { prompt, continuation, margins } = greedyOf(model);
  // No choice is so close that rounding could turn it.
  expect(Math.min(...margins)).toBeGreaterThan(1e-3);
  expect(await written(model, "", "", prompt, continuation.length)).toEqual(continuation);
});

const inFront = [
  ["prompt-tuning", "prompt_tuning { tokens: 6 }"],
  ["prefix-tuning", "prefix_tuning { tokens: 6 }"],
  ["llama-adapter", "llama_adapter { tokens: 6 }"],
] as const;

describe.each(inFront)("%s", (method, adapter) => {
  const from = join(methodFolder(method), "adapter_final");
  test("each word is the best after the whole row before it", { timeout: 120_000 }, async () => {
    const { prompt } = greedyOf("llama");
    const count = 8;
    const found = await written("llama", adapter, from, prompt, count);
    const row = [...prompt, ...found].slice(0, -1);
    const session = await openTuned(planned("llama", adapter, from, row.length, "score"));
    try {
      await session.write("ids", Int32Array.from(row));
      await session.write("positions", Int32Array.from(row.keys()));
      if (session.find("segments") !== undefined)
        await session.write("segments", new Int32Array(row.length).fill(1));
      await session.run("logits");
      const scores = await session.read("logits");
      const size = scores.length / row.length;
      for (const [index, word] of found.entries()) {
        const at = (prompt.length - 1 + index) * size;
        const own = scores.subarray(at, at + size);
        // Scores of the two ways differ by rounding.
        expect(Math.max(...own) - (own[word] ?? NaN)).toBeLessThan(1e-4);
      }
    } finally {
      session.close();
    }
  });
});
