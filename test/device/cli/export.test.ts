// `ftlc export` end to end: a merged model evaluates as the adapter does, a head that trained beside it goes along, and what cannot be
// exported is refused by name.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ftlc } from "../../cli/run.ts";
import { classes, job, recipe } from "./tiny.ts";

async function ran(folder: string, ...args: readonly string[]): Promise<{ out: string; err: string }> {
  const { code, out, err } = await ftlc(args, { cwd: folder });
  expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
  return { out, err };
}

async function figures(folder: string, adapter: string): Promise<Record<string, number>> {
  const { out } = await ran(folder, "eval", "tiny.ftl", "--json", "--adapter", adapter);
  return JSON.parse(out) as Record<string, number>;
}

const exporting = ["export", "--recipe", "tiny.ftl"] as const;

test(
  "a merged model evaluates as the base with its adapter, and says what was rounded",
  { timeout: 120_000 },
  async () => {
    const folder = job();
    const { out, err } = await ran(
      folder,
      ...exporting,
      "--adapter",
      "adapter_final",
      "--to",
      "merged",
      "-o",
      "merged",
      "--json",
    );
    expect(err).toContain("merged into the original weights of base: ");
    expect(err).toContain("wrote merged");
    expect(JSON.parse(out)).toMatchObject({ to: "merged", types: ["F32"], rounding: { max: 0, mean: 0 } });
    const [adapted, merged] = [await figures(folder, "adapter_final"), await figures(folder, "merged")];
    expect(Math.abs((merged["eval_loss"] ?? NaN) / (adapted["eval_loss"] ?? NaN) - 1)).toBeLessThan(1e-5);
    expect(readdirSync(join(folder, "merged")).toSorted()).toEqual(
      readdirSync(join(folder, "base")).toSorted(),
    );
  },
);

test("a head that trained beside the adapter is part of the merged model", { timeout: 120_000 }, async () => {
  const folder = job();
  const from = join(classes(folder), "adapter_final");
  await ran(folder, ...exporting, "--adapter", from, "--to", "merged", "-o", "merged");
  const [adapted, merged] = [await figures(folder, from), await figures(folder, "merged")];
  expect(Math.abs((merged["eval_loss"] ?? NaN) - (adapted["eval_loss"] ?? NaN))).toBeLessThan(1e-6);
  expect(merged["accuracy"]).toBe(1);
});

test(
  "an adapter in PEFT layout is written as it was trained, without a device",
  { timeout: 60_000 },
  async () => {
    const folder = job();
    const none = { FTL_ADAPTER: "no such device" };
    const { code } = await ftlc([...exporting, "--adapter", "adapter_final", "--to", "peft", "-o", "peft"], {
      cwd: folder,
      env: none,
    });
    expect(code).toBe(0);
    expect(await figures(folder, "peft")).toMatchObject({
      eval_loss: (await figures(folder, "adapter_final"))["eval_loss"],
    });
    expect(JSON.parse(readFileSync(join(folder, "peft/adapter_config.json"), "utf8"))).toEqual(
      JSON.parse(readFileSync(join(folder, "adapter_final/adapter_config.json"), "utf8")),
    );
    const merging = await ftlc([...exporting, "--adapter", "adapter_final", "--to", "merged", "-o", "m"], {
      cwd: folder,
      env: none,
    });
    expect({ code: merging.code, made: existsSync(join(folder, "m")) }).toEqual({ code: 4, made: false });
  },
);

test("what is wrong is one clear message and its code", { timeout: 120_000 }, async () => {
  const folder = job();
  const fails = async (code: number, says: string, ...args: readonly string[]): Promise<void> => {
    const found = await ftlc([...exporting, ...args], { cwd: folder });
    expect({ says, code: found.code, out: found.out }).toEqual({ says, code, out: "" });
    expect(found.err).toContain(says);
    expect(found.err).not.toContain("bug of ftlc");
  };
  const merged = ["--to", "merged", "-o", "made"] as const;
  await fails(2, "required option '--to <form>' not specified", "-o", "made");
  await fails(2, "Allowed choices are peft, merged", "--to", "gguf", "-o", "made");
  await fails(2, "adapter 'lora' has one rank, 4", "--adapter", "adapter_final", "--rank", "2", ...merged);
  await fails(
    1,
    "there is no adapter to export: the base model alone; there is no adapter in out/adapter",
    ...merged,
  );
  await fails(1, "nowhere: there is no such folder", "--adapter", "nowhere", ...merged);
  mkdirSync(join(folder, "full"));
  writeFileSync(join(folder, "full/notes.txt"), "mine");
  await fails(
    1,
    "full: it is there already and holds files",
    "--adapter",
    "adapter_final",
    "--to",
    "merged",
    "-o",
    "full",
  );
  await fails(
    1,
    "full: it is there already and holds files",
    "--adapter",
    "adapter_final",
    "--to",
    "peft",
    "-o",
    "full",
  );
  writeFileSync(
    join(folder, "tiny.ftl"),
    recipe.replace(/ {2}adapter .*\n/, "  adapter    prompt_tuning { tokens: 3 }\n"),
  );
  const says = "adapter 'prompt_tuning' cannot be put into the weights: it stands on model";
  await fails(1, says, "--adapter", "adapter_final", ...merged);
  expect(existsSync(join(folder, "made"))).toBe(false);
});
