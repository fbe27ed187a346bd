// `ftlc export`: what training left, for other programs: an adapter in PEFT layout, or a model with the adapter in its weights. Comes in: a
// recipe, which adapter, the form and a folder. Goes out: the folder, and how far storing rounded the merged weights.
// Holds: an adapter that cannot be merged is refused by name; nothing is left half written; a folder that holds files is left alone.
import { dirname, join, resolve } from "node:path";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import { openDevice, type OpenedDevice } from "../device/open.ts";
import { writePeft } from "../export/adapter-folder.ts";
import { mergeModel, type Merged } from "../export/merged.ts";
import { needEmpty } from "../export/model-folder.ts";
import type { JobEvent } from "../train/job.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { shortPaths } from "./files.ts";
import { onInterrupt } from "./interrupt.ts";
import { planRecipe, type Planned } from "./plan-recipe.ts";
import type { ExportFlags } from "./program.ts";
import { sizeText } from "./quantity.ts";
import { fits } from "./refuse.ts";
import type { Terminal } from "./terminal.ts";
import { trainingDisplay } from "./training-display.ts";
import { wantedRanks } from "./tuned-ranks.ts";
import { findTuned, type Found } from "./tuned.ts";

export async function exportCommand(flags: ExportFlags, terminal: Terminal): Promise<ExitCode> {
  const { recipe: path, to } = flags;
  const folder = dirname(path);
  const output = resolve(flags.output);
  const json = flags.json === true;
  let opened: OpenedDevice | undefined;
  let found: Found | undefined;
  const open = async (): Promise<OpenedDevice> => (opened ??= await openDevice());
  try {
    const plans = await planRecipe(
      path,
      {
        set: flags.set,
        purposes: [to === "merged" ? "merge" : "evaluate"],
        tuned: (settings: Planned["settings"]) => (found = findTuned(settings, folder, flags.adapter)),
        // Adapters are files: only merging works on a device.
        ...(to === "merged" ? { otherwise: async () => profileFromDevice((await open()).facts) } : {}),
      },
      json,
      terminal,
    );
    if (typeof plans === "number") return plans;
    const [planned] = plans;
    if (planned === undefined || found === undefined) throw new RangeError("a recipe without a run");
    if (found.adapters.size === 0) throw withoutAdapter(found);
    const ranks = wantedRanks(planned, flags.rank ?? []);
    terminal.err(shortPaths(`exporting: ${found.what}`));
    if (to === "peft") {
      const written = await writePeft(planned, folder, output, ranks);
      for (const message of written.warnings) terminal.err(shortPaths(`warning: ${message}`));
      terminal.err(shortPaths(`wrote ${output}`));
      if (json) terminal.out(JSON.stringify({ folder: output, to, ranks }, undefined, 2));
      return exitCodes.done;
    }
    if (!fits(plans, terminal)) return exitCodes.refused;
    return await merge(planned, { folder, output, ranks, json, opened: await open() }, terminal);
  } finally {
    opened?.close();
  }
}

function withoutAdapter({ what }: Found): Failure {
  return new Failure(`there is no adapter to export: ${what}`, exitCodes.failed, [
    "name its folder with --adapter DIR, or train the recipe first",
  ]);
}

async function merge(
  { plan, settings, facts }: Planned,
  {
    folder,
    output,
    ranks,
    json,
    opened,
  }: {
    readonly folder: string;
    readonly output: string;
    readonly ranks: readonly number[];
    readonly json: boolean;
    readonly opened: OpenedDevice;
  },
  terminal: Terminal,
): Promise<ExitCode> {
  const display = trainingDisplay(terminal, plan.peakBytes);
  const { signal, stop } = onInterrupt(display.note, "interrupted: stopping; once more stops at once");
  display.note(`device: ${opened.facts.name} (${opened.why})`);
  if (opened.notice !== undefined) display.note(`note: ${opened.notice}`);
  display.note(
    `plan: ${sizeText(plan.peakBytes)} of ${sizeText(plan.budget)}, ${plan.kernels.length} kernels`,
  );
  const written: object[] = [];
  try {
    await needEmpty(output);
    const base = baseOf(settings, folder);
    for (const rank of ranks.length === 0 ? [undefined] : ranks) {
      const own = ranks.length > 1 ? join(output, `rank-${rank}`) : output;
      const merged = await mergeModel({
        plan,
        settings,
        facts,
        folder,
        device: opened.device,
        output: own,
        rank,
        onEvent: (event: JobEvent) => display.event(event),
        onMerged: (done, total) => display.show(`merging  tensor ${done} of ${total}`),
        signal,
      });
      display.end();
      for (const line of mergedText(merged, base, settings.model.weights?.value))
        terminal.err(shortPaths(line));
      terminal.err(shortPaths(`wrote ${own}`));
      const { tensors, elements, types, rounding, fromHeld } = merged;
      const rounded = { max: rounding.most, mean: rounding.mean };
      const trained =
        fromHeld === undefined ? undefined : { relative: fromHeld.relative, max: fromHeld.most };
      const about = { tensors, elements, types, rounding: rounded, from_trained_base: trained };
      written.push({ folder: own, to: "merged", rank, base, ...about });
    }
    // Of several ranks a list.
    if (json) terminal.out(JSON.stringify(written.length > 1 ? written : written[0], undefined, 2));
    return exitCodes.done;
  } catch (error) {
    if (signal.aborted && error instanceof Error && error.name === "AbortError")
      throw new Failure(
        `interrupted: ${written.length === 0 ? "nothing was written" : "what is there is whole"}`,
        exitCodes.interrupted,
      );
    throw error;
  } finally {
    display.end();
    stop();
  }
}

/** What the adapters went into: `original` are the weights as the model's files have them. */
interface Base {
  readonly folder: string;
  readonly weights: "original";
}

function baseOf(settings: Planned["settings"], folder: string): Base {
  return { folder: resolve(folder, settings.model.path.value), weights: "original" };
}

function mergedText(
  { tensors, types, rounding, fromHeld }: Merged,
  { folder, weights }: Base,
  format: NonNullable<Planned["settings"]["model"]["weights"]>["value"] | undefined,
): string[] {
  const stored = types.map((type) => type.toLowerCase()).join(" and ");
  const exact = types.every((type) => type === "F32");
  const off = `at most ${rounding.most.toExponential(2)}, on average ${rounding.mean.toExponential(2)}`;
  return [
    `merged into the ${weights} weights of ${folder}: ${tensors} tensors, stored in ${stored}`,
    ...(fromHeld === undefined || format?.kind !== "format"
      ? []
      : [
          `the adapter was trained on what ${format.format.name.value} holds of them, which lies ${(100 * fromHeld.relative).toFixed(3)} % ` +
            `of their length away, at most ${fromHeld.most.toExponential(2)}`,
        ]),
    exact ? "nothing was rounded: they are computed in f32" : `rounding to ${stored} moved them by ${off}`,
  ];
}
