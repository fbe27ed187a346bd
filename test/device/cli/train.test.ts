// The command line end to end on the device that is there: a tiny model trains as PyTorch's did, leaves what it should, stops when
// interrupted, and says clearly what is wrong with its files.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { ftlc, temporaryFolder } from "../../cli/run.ts";
import { job, recipe, reference } from "./tiny.ts";

interface Line {
  readonly step: number;
  readonly loss?: number;
  readonly eval_loss?: number;
}

function lines(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

test("a job trains like the reference and leaves log, plan and adapter", async () => {
  const folder = job();
  const { code, out, err } = await ftlc(["train", "tiny.ftl", "--json"], { cwd: folder });
  expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
  expect(err).toMatch(/held-out loss [\d.]+ before, [\d.]+ after/);

  const log = lines(readFileSync(join(folder, "out/log.jsonl"), "utf8"));
  expect(lines(out)).toEqual(log);
  const steps = log.filter((line) => line.loss !== undefined);
  const evaluations = log.filter((line) => line.eval_loss !== undefined);
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(evaluations.map(({ step }) => step)).toEqual([0, 10, 20]);
  expect(Object.keys(steps[0] ?? {})).toEqual([
    "step",
    "epoch",
    "loss",
    "lr",
    "grad_norm",
    "tokens",
    "trained_tokens",
    "tokens_per_second",
    "seconds",
    "skipped",
  ]);
  expect(Object.keys(evaluations[0] ?? {})).toEqual(["step", "eval_loss", "perplexity", "eval_tokens"]);

  const expected = JSON.parse(readFileSync(join(reference, "expected.json"), "utf8")) as {
    readonly lora: { readonly losses: readonly number[] };
  };
  for (const [index, loss] of expected.lora.losses.entries()) {
    const step = steps[index];
    if (step !== undefined) expect(Math.abs((step.loss ?? NaN) / loss - 1)).toBeLessThan(1e-5);
  }

  expect(existsSync(join(folder, "out/plan/plan.json"))).toBe(true);
  expect(readdirSync(join(folder, "out/plan/kernels")).length).toBeGreaterThan(0);
  const made = await openSafetensors(join(folder, "out/adapter/adapter_model.safetensors"));
  const final = await openSafetensors(join(reference, "adapter_final/adapter_model.safetensors"));
  expect([...made.tensors.keys()].toSorted()).toEqual([...final.tensors.keys()].toSorted());
  const config = JSON.parse(readFileSync(join(folder, "out/adapter/adapter_config.json"), "utf8")) as Record<
    string,
    unknown
  >;
  expect(config).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 8 });
  expect(Object.keys(config)).toEqual(Object.keys(config).toSorted());
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s finishes the step, saves, and ends with 130",
  async (signal) => {
    const folder = job();
    let sent = false;
    const { code, err } = await ftlc(["train", "tiny.ftl", "--steps", "100000"], {
      cwd: folder,
      onError: (text, child) => {
        if (sent || !/^step +1\/100000/m.test(text)) return;
        sent = true;
        child.kill(signal);
      },
    });
    expect({ code, sent }).toEqual({ code: 130, sent: true });
    const stopped = /interrupted after step (\d+) of 100000/.exec(err)?.[1];
    expect(stopped).toBeDefined();
    expect(existsSync(join(folder, `out/step-${stopped}/manifest.json`))).toBe(true);
    const log = lines(readFileSync(join(folder, "out/log.jsonl"), "utf8"));
    expect(log.at(-1)?.step).toBe(Number(stopped));
  },
);

test("--dry-run checks the files and writes nothing", async () => {
  const folder = job();
  const { code, out, err } = await ftlc(["train", "tiny.ftl", "--dry-run", "--json"], { cwd: folder });
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ recipe: "tiny", verified: true, fits: true });
  expect(err).toContain("2 rows");
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test("what is wrong with files is one clear message, without a stack", async () => {
  const folder = job();
  const fails = async (change: () => void, says: string): Promise<void> => {
    change();
    const { code, err } = await ftlc(["train", "tiny.ftl"], { cwd: folder });
    expect({ says, code }).toEqual({ says, code: 1 });
    expect(err).toContain(says);
    expect(err).not.toContain("bug of ftlc");
    expect(err).not.toMatch(/^ +at /m);
  };
  const weights = join(folder, "base/model.safetensors");
  const whole = readFileSync(weights);
  const rows = readFileSync(join(folder, "rows.jsonl"));
  await fails(() => writeFileSync(weights, whole.subarray(0, 5000)), "base/model.safetensors: ");
  await fails(() => {
    writeFileSync(weights, whole);
    writeFileSync(join(folder, "rows.jsonl"), '{"input_ids": [1, 2, 3]}\n{"input_ids": [1, 99999]}\n');
  }, "rows.jsonl:2: ");
  await fails(() => {
    writeFileSync(join(folder, "rows.jsonl"), rows);
    writeFileSync(join(folder, "tiny.ftl"), recipe.replace("adapter_init", "nowhere"));
  }, "nowhere: ");
  await fails(
    () => writeFileSync(join(folder, "tiny.ftl"), recipe.replace('"base"', '"gone"')),
    "gone/config.json",
  );
});

test("no usable device ends with 4, a job that does not fit with 3", async () => {
  const folder = job();
  const none = await ftlc(["train", "tiny.ftl"], { cwd: folder, env: { FTL_ADAPTER: "no such device" } });
  expect(none.code).toBe(4);
  expect(none.err).toContain('no usable device matches "no such device"');
  const wrong = await ftlc(["train", "tiny.ftl", "--set", "batches=3"], {
    cwd: folder,
    env: { FTL_ADAPTER: "no such device" },
  });
  expect(wrong.code).toBe(1);
  const large = await ftlc(["train", "tiny.ftl", "--set", "memory=64KiB"], { cwd: folder });
  expect(large.code).toBe(3);
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test("devices lists what there is and saves the profile of the one that is used", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "profiles"));
  const { code, out } = await ftlc(["devices", "--json", "--save", "profiles/here.json"], { cwd: folder });
  expect(code).toBe(0);
  const { devices } = JSON.parse(out) as {
    readonly devices: readonly { readonly chosen: boolean; readonly facts: { readonly name: string } }[];
  };
  const chosen = devices.filter((device) => device.chosen);
  expect(chosen).toHaveLength(1);
  const profile: unknown = JSON.parse(readFileSync(join(folder, "profiles/here.json"), "utf8"));
  expect(profile).toMatchObject({ name: chosen[0]?.facts.name });
});
