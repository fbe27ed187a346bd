// What a recipe has live in the host's memory: how much of the device it gives free, how layers take turns there, what a step moves.
import { describe, expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import type { Plan, PlanProgram } from "../../../compiler/plan/plan.ts";
import { reportJson, reportText } from "../../../compiler/plan/report.ts";
import { trafficOf } from "../../../compiler/plan/traffic.ts";

const gpt2 = {
  model_type: "gpt2",
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  layer_norm_epsilon: 1e-5,
  activation_function: "gelu_new",
};

const llama = {
  model_type: "llama",
  vocab_size: 512,
  hidden_size: 256,
  num_attention_heads: 4,
  num_hidden_layers: 6,
  intermediate_size: 512,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
};

function planOf(config: object, model: string, set: readonly string[]): Plan {
  const recipe = `recipe away {
  model      "model" { init: random { seed: 1 } }
  ${model}
  data       "rows.jsonl" { format: tokens, length: 128 }
  batch      4
  accumulation 2
  checkpoint every 1
  optimizer  adamw { rate: 1e-3, clip: 1.0 }
  training   10 steps
}`;
  const { plan, diagnostics } = compile(recipe, {
    path: "/away.ftl",
    read: (path) => (path.endsWith("config.json") ? JSON.stringify(config) : undefined),
    set,
  });
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

/** Bytes of persistent tensors in one memory. */
function held({ tensors, buffers }: Plan, memory: "device" | "host"): number {
  return tensors.reduce(
    (sum, { aliasOf, lifetime, buffer, size }) =>
      aliasOf === undefined && lifetime === undefined && buffers[buffer]?.memory === memory
        ? sum + size
        : sum,
    0,
  );
}

/** Tensors of the device that stand for memory of the host, with what they stand for. */
function visitors(plan: Plan, { transfers }: PlanProgram) {
  const homes = new Map(transfers.map(({ device, host }) => [device, host]));
  return [...homes].flatMap(([device, host]) => {
    const { lifetime, size = 0 } = plan.tensors[device] ?? {};
    return lifetime === undefined ? [] : [{ ...lifetime, size, device, host }];
  });
}

/** Bytes of these at their fullest moment. */
function slots(plan: Plan): number {
  const sums = plan.programs.map((program) => {
    const all = visitors(plan, program);
    const at = (moment: number): number =>
      all.reduce((sum, { first, last, size }) => (first <= moment && moment <= last ? sum + size : sum), 0);
    return Math.max(0, ...all.map(({ first }) => at(first)));
  });
  return Math.max(...sums);
}

describe("the optimizer's state of a whole GPT-2", () => {
  const train = ["model.train=all"];
  const stays = planOf(gpt2, "", train);
  const away = planOf(gpt2, "", [...train, "optimizer.offload=host"]);

  test("eight bytes a parameter leave the device, and what is updated comes back tensor by tensor", () => {
    const moved = held(away, "host");
    expect(moved).toBe(8 * away.parameters.trainable);
    expect(held(stays, "device") - held(away, "device")).toBe(moved);
    expect(away.peakBytes).toBeLessThanOrEqual(stays.peakBytes - moved + slots(away) + 1024);
    // Two moments of the largest tensor, the words, and of the next.
    const largest = 4 * gpt2.vocab_size * gpt2.n_embd;
    expect(slots(away)).toBeLessThan(2.2 * largest);
  });

  test("a step moves all of it once, up and down, in the update", () => {
    const { up, down, seconds } = trafficOf(away);
    expect([up, down]).toEqual([held(away, "host"), held(away, "host")]);
    expect(seconds).toBeCloseTo((up + down) / away.device.transferRate, 12);
    expect(away.programs.find(({ name }) => name === "micro")?.transfers).toEqual([]);
  });

  test("the report shows both memories, and a decision tells of it", () => {
    const { memory, decisions } = reportJson(away);
    expect(memory.host).toMatchObject({ held_bytes: away.hostBytes, up_per_step: held(away, "host") });
    expect(decisions.find(({ what }) => what === "offload")?.chosen).toContain("optimizer");
    const text = reportText(away);
    expect(text).toContain("Host memory");
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(reportText(stays)).not.toContain("Host memory");
  });
});

describe("frozen weights", () => {
  const lora = "adapter lora { rank: 8, on: [all_linear] }";
  const stays = planOf(llama, lora, []);
  const away = planOf(llama, lora, ["model.offload=host"]);

  test("of no more than two layers are on the device at once", () => {
    const layerOf = new Map(
      away.variables.flatMap(({ stack, parts, kind }) =>
        stack && kind === "weights" ? parts.map((part, layer) => [part, layer] as const) : [],
      ),
    );
    const micro = away.programs.find(({ name }) => name === "micro");
    const all = micro === undefined ? [] : visitors(away, micro);
    const seen = new Set<number>();
    micro?.dispatches.forEach((_, at) => {
      const here = all.filter(({ first, last }) => first <= at && at <= last);
      const layers = new Set(here.flatMap(({ host }) => layerOf.get(host) ?? []));
      for (const layer of layers) seen.add(layer);
      expect(layers.size).toBeLessThanOrEqual(2);
    });
    expect(seen.size).toBe(llama.num_hidden_layers);
    expect(slots(away)).toBeLessThan(held(away, "host") / 2);
    expect(away.peakBytes).toBeLessThanOrEqual(stays.peakBytes - held(away, "host") + slots(away) + 1024);
  });

  test("come up before they are used, while others are, and never go down", () => {
    for (const { name, transfers, dispatches } of away.programs) {
      if (name === "initialize") continue;
      expect(transfers.every(({ direction }) => direction === "up")).toBe(true);
      const early = transfers.filter(({ before, device }) => {
        const first = dispatches.findIndex(({ tensors }) =>
          tensors.some((index) => index === device || away.tensors[index]?.aliasOf === device),
        );
        return before < first;
      });
      // All but the first of a program have something to run meanwhile.
      expect(early.length).toBeGreaterThan(transfers.length - 4);
    }
  });

  test("are brought once for the way forward and once for the way back", () => {
    const micro = away.programs.find(({ name }) => name === "micro");
    const times = new Map<number, number>();
    for (const { host } of micro?.transfers ?? []) times.set(host, (times.get(host) ?? 0) + 1);
    const layered = away.variables.filter(({ stack, kind }) => stack && kind === "weights");
    const counts = layered.flatMap(({ parts }) => parts.map((part) => times.get(part) ?? 0));
    expect(Math.max(...counts)).toBe(2);
  });
});

test("adapters leave the device with their states", () => {
  const lora = "adapter lora { rank: 8, on: [all_linear] }";
  const away = planOf(llama, lora, ["adapter.offload=host", "optimizer.offload=host"]);
  expect(held(away, "host")).toBeGreaterThan(11.5 * away.parameters.trainable);
  expect(held(away, "host")).toBeLessThanOrEqual(12 * away.parameters.trainable);
});
