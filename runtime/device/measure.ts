// What a device's profile cannot know without trying: up to how many rows a product decodes a weight of few bits faster by itself than after
// a kernel that decodes it once. Comes in: an opened device and its profile. Goes out: the profile with what was found, and the
// times. Holds: the same job is planned both ways and run on random weights, so that nothing but the decoding differs; compiling
// never measures, so a recipe and a profile still give one plan everywhere.
import { compile } from "../../compiler/compile.ts";
import type { DeviceProfile } from "../../compiler/plan/plan.ts";
import { launch } from "../launch/session.ts";
import { load } from "../train/load.ts";

/** Seconds that so many rows take through a layer, each way. */
export interface Measured {
  readonly rows: number;
  readonly inProduct: number;
  readonly apart: number;
}

export interface MeasureOptions {
  /** How many rows are tried, the fewest first, from 2: a single row always decodes by itself. */
  readonly rows: readonly number[];
  /** Of the layer that is measured: a multiple of 64. */
  readonly width: number;
  /** Seconds. */
  readonly clock: () => number;
  readonly onMeasured?: (measured: Measured) => void;
  /** Seconds of work before a time is taken, for a GPU that clocks down when idle; and the least that is timed at once. */
  readonly warmUp: number;
  readonly least: number;
}

export const onGpu = { rows: [2, 16, 64, 128, 256, 512, 1024], width: 2048, warmUp: 0.7, least: 0.05 };
export const onProcessor = { rows: [2, 16, 64], width: 256, warmUp: 0, least: 0.05 };

export async function measureDecoding(
  device: GPUDevice,
  profile: DeviceProfile,
  options: MeasureOptions,
): Promise<{ readonly profile: DeviceProfile; readonly measured: readonly Measured[] }> {
  const measured: Measured[] = [];
  for (const rows of options.rows) {
    const inProduct = await timeOf(device, { ...profile, decodedRows: rows }, rows, options);
    const apart = await timeOf(device, { ...profile, decodedRows: rows - 1 }, rows, options);
    const found = { rows, inProduct, apart };
    measured.push(found);
    options.onMeasured?.(found);
  }
  return { profile: { ...profile, decodedRows: decodedRowsOf(measured) }, measured };
}

/** The most rows for which, as for all fewer that were tried, decoding in the product is no slower. */
export function decodedRowsOf(measured: readonly Measured[]): number {
  const slower = measured.findIndex(({ inProduct, apart }) => apart < inProduct);
  return measured.slice(0, slower < 0 ? undefined : slower).at(-1)?.rows ?? 1;
}

/** A layer of a model on one row of so many words, its weights in nf4. */
async function timeOf(
  device: GPUDevice,
  profile: DeviceProfile,
  rows: number,
  { width, clock, warmUp, least }: MeasureOptions,
): Promise<number> {
  const config = {
    model_type: "llama",
    vocab_size: 256,
    hidden_size: width,
    intermediate_size: 2 * width,
    num_hidden_layers: 1,
    num_attention_heads: width / 64,
    num_key_value_heads: width / 64,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    max_position_embeddings: 4096,
    dtype: "float32",
  };
  const recipe = `recipe measure {
  model     "model" { weights: nf4, init: random { seed: 1 } }
  adapter   lora { rank: 1, on: [q_proj] }
  data      "rows.jsonl" { format: tokens, length: ${rows} }
  batch     1
  optimizer sgd { rate: 1e-3 }
  training  1 steps
}`;
  const { plan, diagnostics } = compile(recipe, {
    path: "/measure.ftl",
    read: (path) => (path.endsWith("config.json") ? JSON.stringify(config) : undefined),
    profile,
    purposes: ["evaluate"],
  });
  if (plan === undefined)
    throw new Error(`the job to measure: ${diagnostics.map(({ message }) => message).join("; ")}`);
  const session = await launch(plan, device);
  try {
    await load(session, { checkpoint: undefined, adapters: [], seed: 1 });
    const seconds = async (times: number): Promise<number> => {
      const begin = clock();
      for (let time = 0; time < times; time += 1) await session.run("evaluate");
      await session.read("evaluation");
      return clock() - begin;
    };
    return await settled(seconds, warmUp, least);
  } finally {
    session.close();
  }
}

/** The median of five times of one run, each over enough runs to be told from the clock's grain. */
async function settled(
  seconds: (times: number) => Promise<number>,
  warmUp: number,
  least: number,
): Promise<number> {
  await seconds(1);
  let times = 1;
  for (let spent = 0; ; times *= 2) {
    const took = await seconds(times);
    spent += took;
    if (took >= least && spent >= warmUp) break;
  }
  const all: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) all.push((await seconds(times)) / times);
  return all.toSorted((a, b) => a - b)[2] ?? Number.NaN;
}
