// The pipeline on one screen. In: the text of a recipe, a way to read other files, a device profile. Out: a verified plan, what the
// recipe and the model said, and every mistake. Pure: no file system, clock, device or console; the same inputs give the same plan.
import { problem, type Diagnostic } from "../grammar/diagnostic.ts";
import { elaborate } from "./elaborate/elaborate.ts";
import type { AdapterFacts, Saved } from "./elaborate/facts.ts";
import type { Generating } from "./elaborate/generate-programs.ts";
import type { Merge } from "./elaborate/merging.ts";
import { readRecipe, type Front, type Run } from "./front.ts";
import { interpret } from "./ir/interpret.ts";
import type { Module, ScalarExpression } from "./ir/graph.ts";
import { chooseKernel, inPlaceCandidates } from "./kernels/choose.ts";
import { kernelGradients } from "./kernels/library.ts";
import type { Read } from "./language/resolve.ts";
import type { Purpose, Tuned } from "./language/purposes.ts";
import type { Settings } from "./language/settings.ts";
import type { Checkpointing } from "./passes/checkpoint.ts";
import { buildPlan } from "./plan/build.ts";
import type { Decision, DeviceProfile, Plan } from "./plan/plan.ts";
import { desktop } from "./profile/builtin.ts";
import { stages } from "./stages.ts";
import { seal, type Digest, type Verification, type Verified } from "./verify/verify.ts";

/** What a recipe that has been read is planned for. */
export interface PlanOptions {
  /** The device to plan for, whatever the recipe says. */
  readonly profile?: DeviceProfile;
  /** The device to plan for where neither `profile` nor the recipe names one; the built-in `desktop` where absent. */
  readonly otherwise?: DeviceProfile;
  /** Bytes allowed, instead of the recipe's `memory`. */
  readonly memory?: number;
  /** What the plan is for; training and evaluating where absent. */
  readonly purposes?: readonly Purpose[];
  /** SHA-256 as the platform has it; one in plain code where absent, which gives the same. */
  readonly digest?: Digest;
}

export interface CompileOptions extends PlanOptions {
  /** How the user names the recipe's file; other paths are taken from it. */
  readonly path: string;
  /** The text of a file, or undefined where there is none. */
  readonly read: Read;
  /** Changes of the form `path=value`. */
  readonly set?: readonly string[];
  /** What is run instead of what training begins with: there is one compilation then, of the last stage. */
  readonly tuned?: Tuned;
}

/** What a run has to know beside the plan. */
export interface Facts {
  readonly adapters: readonly AdapterFacts[];
  readonly model: readonly Saved[];
  readonly parameters: { readonly total: number; readonly trainable: number };
  /** The learning rate of a step, for the log. */
  readonly rate: ScalarExpression;
  /** How words are given to a plan that writes a text. */
  readonly generating: Pick<Generating, "piece" | "inFront"> | undefined;
  /** How adapters are put into the weights, in a plan for that. */
  readonly merges: readonly Merge[];
}

export interface Compilation {
  /** The stage that was compiled; none for a recipe without stages, or with mistakes. */
  readonly stage: string | undefined;
  /** Undefined where there are errors. A plan that does not fit its budget is still a verified plan. */
  readonly plan: Verified<Plan> | undefined;
  /** What the verifier found, where a plan was made. A refusal is a fault of this compiler, not of the recipe. */
  readonly verification: Verification | undefined;
  readonly settings: Settings | undefined;
  /** What the recipe says beside its stages; without stages the same. */
  readonly whole: Settings | undefined;
  readonly facts: Facts | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The module as each stage of the pipeline left it, by that stage's name. */
  readonly modules: ReadonlyMap<string, Module>;
}

/** Compiles a recipe; of a recipe in stages, the first. */
export function compile(text: string, options: CompileOptions): Compilation {
  const front = readRecipe({ path: options.path, text }, options.read, options.set, options.tuned);
  return compileRun(front, front.runs[0], options);
}

/** Compiles a recipe's stages in order; a recipe without any is one. Where there are mistakes, the last tells them. */
export function compileStages(text: string, options: CompileOptions): readonly Compilation[] {
  return planStages(
    readRecipe({ path: options.path, text }, options.read, options.set, options.tuned),
    options,
  );
}

/** The same for a recipe that has been read: for who must know what it says before saying what to plan for. */
export function planStages(front: Front, options: PlanOptions): readonly Compilation[] {
  return front.runs.length === 0
    ? [compileRun(front, undefined, options)]
    : front.runs.map((run) => compileRun(front, run, options));
}

function compileRun(front: Front, run: Run | undefined, options: PlanOptions): Compilation {
  const profile = options.profile ?? run?.profile ?? options.otherwise ?? desktop;
  const modules = new Map<string, Module>();
  const settings = run?.input.settings ?? front.settings;
  const failed = (diagnostics: readonly Diagnostic[]): Compilation => ({
    stage: run?.stage,
    plan: undefined,
    verification: undefined,
    settings,
    whole: front.settings,
    facts: undefined,
    diagnostics,
    modules,
  });
  if (settings === undefined || run === undefined) return failed(front.diagnostics);

  const { stage, input } = run;
  const { elaborated, diagnostics: found } = elaborate({
    ...input,
    ...(options.purposes === undefined ? {} : { purposes: options.purposes }),
  });
  const diagnostics = [...front.diagnostics, ...found];
  if (elaborated === undefined) return failed(diagnostics);
  const { trained, along, step, duringBackward, lossScale, adapters, model, parameters, rate } = elaborated;
  const { generating, merges } = elaborated;
  modules.set("elaborate", elaborated.module);

  const choices = {
    trained,
    along,
    step,
    duringBackward,
    lossScale,
    checkpoint: policyOf(settings),
    kernelGradients,
    precision: settings.precision.value === "f32" ? undefined : settings.precision.value,
    profile,
  };
  let { module } = elaborated;
  for (const { name, run: apply } of stages) {
    module = apply(module, choices);
    modules.set(name, module);
  }

  const rows = input.rows;
  const accumulation = settings.batch.value / rows;
  const built = buildPlan({
    module,
    profile,
    budget: options.memory ?? settings.memory?.value ?? profile.memory,
    job: {
      batch: settings.batch.value,
      accumulation,
      rows,
      tokens: elaborated.tokens,
      room: elaborated.room,
      vocabulary: elaborated.vocabulary,
      learns: elaborated.learns,
      ranks: elaborated.ranks,
    },
    parameters,
    step,
    decisions: decisionsOf(settings),
    kernels: { choose: chooseKernel, inPlaceCandidates },
    interpret,
  });
  if ("obstacles" in built) {
    const obstacles = built.obstacles.map(({ message, span = settings.model.path.span }) =>
      problem("FTL0501", span, message, "cannot be planned for this device"),
    );
    return failed([...diagnostics, ...obstacles]);
  }
  const verification = seal(built.plan, options.digest);
  const facts = { adapters, model, parameters, rate, generating, merges };
  return {
    stage,
    plan: verification.verified,
    verification,
    settings,
    whole: front.settings,
    facts,
    diagnostics,
    modules,
  };
}

function policyOf(settings: Settings): Checkpointing {
  const { value } = settings.checkpoint;
  return typeof value === "object" ? value : "none";
}

/** What the recipe left to the compiler, or had no word for. */
function decisionsOf(settings: Settings): Decision[] {
  const { value } = settings.checkpoint;
  const chosen = typeof value === "object" ? `every ${value.every}` : value;
  const why = "said by the recipe, or its default";
  return [{ what: "checkpoint", chosen, why, considered: [] }, ...precisionDecisions(settings)];
}

/** Which types were chosen under mixed precision, and what stays in f32 all the same. */
function precisionDecisions({ precision: { value } }: Settings): readonly Decision[] {
  if (value === "f32") return [];
  const { compute, store, lossScale } = value;
  const scaled =
    lossScale === "none"
      ? "no loss scale"
      : `loss scale ${lossScale === "dynamic" ? "dynamic, from 65536" : lossScale}`;
  const why =
    "said by the recipe, or its default; in f32 stay sums of products, weights that train, their gradients and optimizer states, " +
    "norms, softmax, attention's statistics, logits and loss, and rows of an odd length";
  return [
    {
      what: "precision",
      chosen: `products in ${compute}, activations in ${store}, ${scaled}`,
      why,
      considered: [],
    },
  ];
}
