// What would make a recipe fit: edits of its text, each found by planning the edited recipe again. Comes in: a recipe and its plans, of
// which one is too large. Goes out: edits in the order in which a user would rather make them, each with its new peak, all of which fit.
//
// First what changes memory and time only (micro-batches, checkpointing, where optimizer state and weights live), then how these are held,
// then what is learned (ranks, length). What does not suffice alone is tried together with what costs no quality.
import type { Edit } from "../grammar/diagnostic.ts";
import { parse } from "../grammar/parse.ts";
import type { Recipe } from "../grammar/syntax.ts";
import { knowledgeOf } from "./candidates.ts";
import { compileStages, type Compilation, type CompileOptions } from "./compile.ts";
import { applied, combined, rewrite } from "./language/rewrite.ts";
import type { Settings } from "./language/settings.ts";
import type { Plan } from "./plan/plan.ts";

export interface FoundRepair {
  /** One edit of the recipe's text. */
  readonly edit: Edit;
  /** The largest of its plans. */
  readonly peakBytes: number;
}

interface Change {
  readonly path: string;
  readonly value: string;
}

/** A change with the peak it would have, optimistically, where that is easily said. */
interface Step extends Change {
  readonly foretold?: number;
}

/** Ways to change one setting, the mildest first. */
interface Knob {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** The recipe with some changes, planned. */
interface Outcome {
  readonly changes: readonly Change[];
  readonly edit: Edit | undefined;
  /** The largest of its plans, and its stage's settings. */
  readonly plan: Plan;
  readonly settings: Settings;
}

const MOST_TRIALS = 16;

export function repairsOf(
  text: string,
  options: CompileOptions,
  compiled: readonly Compilation[],
): readonly FoundRepair[] {
  const recipe = parse({ path: options.path, text }).file.items.find((item) => item.kind === "recipe");
  const start = outcomeOf([], undefined, compiled);
  if (start === undefined || recipe === undefined || isHopeless(start)) return [];
  const trial = trials(recipe, options);
  const found: FoundRepair[] = [];
  const add = (outcome: Outcome | undefined): boolean => {
    const { edit, plan } = outcome ?? {};
    if (edit === undefined || plan === undefined || !isWithin(outcome)) return false;
    if (found.every((other) => applied(other.edit) !== applied(edit)))
      found.push({ edit, peakBytes: plan.peakBytes });
    return true;
  };
  const failing = knobsOf(start).filter(({ steps }) => !firstFitting(steps, start, trial, add));
  // Where everything together does not suffice, nothing does.
  const everything = failing.flatMap(({ steps }) => steps.slice(-1));
  const all = found.length === 0 ? trial(everything) : undefined;
  if (found.length === 0 && !isWithin(all)) return [];
  const wanted = all === undefined ? 3 : 2;

  // What costs no quality and does not suffice, as far as it goes, and one thing more; then one more for good, until something fits.
  let kept: Outcome | undefined = start;
  let more = failing.filter(({ name }) => costless.has(name));
  const done = new Set(costless);
  while (found.length < wanted && kept !== undefined) {
    const changes: readonly Change[] = [...kept.changes, ...more.flatMap(({ steps }) => steps.slice(-1))];
    // One change alone was tried already.
    if (changes.length > kept.changes.length) {
      kept = trial(changes);
      if (changes.length > 1) add(kept);
    }
    const from: Outcome | undefined = kept;
    if (from === undefined) break;
    const others = knobsOf(from).filter(({ name }) => !done.has(name));
    // Of the recipe as it is, all single changes are tried already.
    for (const { steps } of from === start ? [] : others) {
      if (found.length >= wanted) break;
      firstFitting(steps, from, trial, add);
    }
    more = others.slice(0, 1);
    for (const { name } of more) done.add(name);
    if (more.length === 0) break;
  }
  if (found.length < 3) add(all);
  return found;
}

const costless: ReadonlySet<string> = new Set(["accumulation", "checkpoint"]);

/** Whether not even all changes together, each as good as it could be, would do: then nothing is planned again. */
function isHopeless(start: Outcome): boolean {
  const { plan } = start;
  const savings = knobsOf(start).map(({ steps }) =>
    Math.max(...steps.map(({ foretold }) => plan.peakBytes - (foretold ?? 0))),
  );
  return plan.peakBytes - savings.reduce((sum, saved) => sum + saved, 0) > plan.budget;
}

type Trial = (changes: readonly Change[]) => Outcome | undefined;

/** Plans the recipe with changes; undefined where that makes no recipe. Gives up after many. */
function trials(recipe: Recipe, options: CompileOptions): Trial {
  let left = MOST_TRIALS;
  const { knowledge = options.profile && knowledgeOf(options.profile) } = options;
  const again = { ...options, rough: true, ...(knowledge === undefined ? {} : { knowledge }) };
  const known = new Map<string, Outcome | undefined>();
  return (changes) => {
    const key = changes.map(({ path, value }) => `${path}=${value}`).join(";");
    if (known.has(key)) return known.get(key);
    const edits = changes.map(({ path, value }) => rewrite(recipe, path, value));
    const edit = combined(edits.filter((each) => each !== undefined));
    if (left === 0 || edit === undefined || edits.includes(undefined)) return undefined;
    left -= 1;
    const outcome = outcomeOf(changes, edit, compileStages(applied(edit), again));
    known.set(key, outcome);
    return outcome;
  };
}

function outcomeOf(
  changes: readonly Change[],
  edit: Edit | undefined,
  compiled: readonly Compilation[],
): Outcome | undefined {
  const over = ({ plan }: Compilation): number =>
    plan === undefined ? Infinity : plan.peakBytes - plan.budget;
  const [worst] = compiled.toSorted((a, b) => over(b) - over(a));
  if (worst?.plan === undefined || worst.settings === undefined) return undefined;
  return { changes, edit, plan: worst.plan, settings: worst.settings };
}

function isWithin(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && outcome.plan.peakBytes <= outcome.plan.budget;
}

/** The mildest step that makes it fit; those that cannot are not tried. */
function firstFitting(
  steps: readonly Step[],
  from: Outcome,
  trial: Trial,
  add: (outcome: Outcome | undefined) => boolean,
): boolean {
  return steps.some(
    (step) => (step.foretold ?? 0) <= from.plan.budget && add(trial([...from.changes, step])),
  );
}

function knobsOf({ settings, plan }: Pick<Outcome, "settings" | "plan">): readonly Knob[] {
  const persistent = plan.tensors.reduce(
    (sum, { lifetime, aliasOf, size, buffer }) =>
      lifetime === undefined && aliasOf === undefined && plan.buffers[buffer]?.memory === "device"
        ? sum + size
        : sum,
    0,
  );
  const transient = plan.peakBytes - persistent;
  const held = (kinds: readonly string[]): number =>
    plan.tensors.reduce(
      (sum, { kind, aliasOf, size, buffer }) =>
        kinds.includes(kind) && aliasOf === undefined && plan.buffers[buffer]?.memory === "device"
          ? sum + size
          : sum,
      0,
    );
  const { batch, accumulation, checkpoint, data, model, adapters, state } = settings;
  const knobs: Knob[] = [];
  const parts = plan.job.accumulation;
  if (accumulation.value !== "auto") {
    const more = Array.from({ length: batch.value }, (_, at) => at + 1).filter(
      (each) => each > parts && batch.value % each === 0,
    );
    knobs.push({
      name: "accumulation",
      steps: more.map((each) => ({
        path: "accumulation",
        value: String(each),
        foretold: persistent + (transient * parts) / each,
      })),
    });
  }
  if (checkpoint.value !== "auto")
    knobs.push({ name: "checkpoint", steps: [{ path: "checkpoint", value: "auto", foretold: persistent }] });
  if (!settings.offload && held(["optimizer"]) > 0) {
    const foretold = plan.peakBytes - held(["optimizer"]);
    knobs.push({ name: "offload", steps: [{ path: "optimizer.offload", value: "host", foretold }] });
  }
  if (!model.offload) {
    const foretold = plan.peakBytes - held(["weights"]);
    knobs.push({ name: "stream", steps: [{ path: "model.offload", value: "host", foretold }] });
  }
  if (model.train.value === "none" && model.weights?.value.kind !== "format") {
    const without = plan.peakBytes - held(["weights"]);
    const formats = [
      ["int8", 8],
      ["nf4 { block: 64, double: true }", 4],
    ] as const;
    const steps = formats.map(([value, bits]) => ({
      path: "model.weights",
      value,
      foretold: without + (plan.parameters.total * bits) / 8,
    }));
    knobs.push({ name: "weights", steps });
  }
  if (state.value.kind === "type") {
    // Of f32 a quarter is left at best.
    const foretold = plan.peakBytes - (3 / 4) * held(["optimizer"]);
    knobs.push({ name: "state", steps: [{ path: "optimizer.state", value: "int8", foretold }] });
  }
  const length = data.length.value;
  knobs.push({
    name: "length",
    steps: halves(length, 16).map((value) => ({
      path: "data.length",
      value: String(value),
      foretold: persistent + (transient * value) / length,
    })),
  });
  const ofRanks = held(["adapter", "gradients", "optimizer"]);
  for (const { alias, name, options } of adapters) {
    const rank = options.get("rank")?.value;
    const [from, last] =
      rank?.kind === "number"
        ? ["", rank.value]
        : rank?.kind === "range"
          ? [`${rank.first}..`, rank.last]
          : ["", 0];
    const least = rank?.kind === "range" ? rank.first + 1 : 1;
    const path = `${alias === name.value ? "adapter" : alias}.rank`;
    if (adapters.length > 1 && path === "adapter.rank") continue;
    const steps = halves(last, least).map((value) => ({
      path,
      value: `${from}${value}`,
      foretold: plan.peakBytes - ofRanks * (1 - value / last),
    }));
    knobs.push({ name: "rank", steps });
  }
  return knobs.filter(({ steps }) => steps.length > 0);
}

/** Half, a quarter and an eighth, down to a least value. */
function halves(value: number, least: number): readonly number[] {
  const found: number[] = [];
  for (const part of [2, 4, 8]) if (value / part >= least) found.push(Math.floor(value / part));
  return found;
}
