// The pipeline on one screen. In: the text of a recipe, a way to read other files, a device profile. Out: a verified plan, what the
// recipe and the model said, and every mistake. Pure: no file system, clock, device or console; the same inputs give the same plan.
import { problem, type Diagnostic } from "../grammar/diagnostic.ts";
import { kernels, knowledgeOf, type Knowledge } from "./candidates.ts";
import { choose, waysOf, type Way, type Ways } from "./choose.ts";
import type { AdapterFacts, Saved } from "./elaborate/facts.ts";
import type { Generating } from "./elaborate/generate-programs.ts";
import type { Merge } from "./elaborate/merging.ts";
import { readRecipe, type Front, type Run } from "./front.ts";
import { interpret } from "./ir/interpret.ts";
import type { Module, ScalarExpression } from "./ir/graph.ts";
import type { Read } from "./language/resolve.ts";
import type { Purpose, Tuned } from "./language/purposes.ts";
import type { Settings } from "./language/settings.ts";
import { buildPlan, type PlanResult } from "./plan/build.ts";
import type { Obstacle } from "./plan/layout.ts";
import type { Decision, DeviceProfile, Plan, PlanJob } from "./plan/plan.ts";
import { desktop } from "./profile/builtin.ts";
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
  /** Only what fits is wanted: where nothing does, the plan need not be the smallest. */
  readonly rough?: boolean;
  /** What planning for the same profile has found out before. */
  readonly knowledge?: Knowledge;
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
  const purposes = options.purposes === undefined ? {} : { purposes: options.purposes };
  const { knowledge } = options;
  const ways = waysOf(
    { ...input, ...purposes },
    knowledge?.profile === profile ? knowledge : knowledgeOf(profile),
  );
  const budget = options.memory ?? settings.memory?.value ?? profile.memory;
  const made = planWithin({ budget, rough: options.rough === true }, ways, settings, profile);
  if ("diagnostics" in made) return failed([...front.diagnostics, ...made.diagnostics]);
  const { built, after } = made;
  const { elaborated } = made.way.candidates;
  const diagnostics = [...front.diagnostics, ...made.way.diagnostics];
  modules.set("elaborate", elaborated.module);
  for (const [name, module] of after) modules.set(name, module);
  if ("obstacles" in built) return failed([...diagnostics, ...obstacleProblems(built, settings)]);
  const verification = seal(built.plan, options.digest);
  const { adapters, model, parameters, rate, generating, merges } = elaborated;
  return {
    stage,
    plan: verification.verified,
    verification,
    settings,
    whole: front.settings,
    facts: { adapters, model, parameters, rate, generating, merges },
    diagnostics,
    modules,
  };
}

interface Made {
  readonly way: Way;
  /** The module after each stage. */
  readonly after: ReadonlyMap<string, Module>;
  readonly built: PlanResult;
}

/** Chooses and plans. Offsets may leave holes that no measure tells of: then the choice is made again within as much less. */
function planWithin(
  { budget, rough }: { readonly budget: number; readonly rough: boolean },
  ways: Ways,
  settings: Settings,
  profile: DeviceProfile,
): Made | { readonly diagnostics: readonly Diagnostic[] } {
  let less = 0;
  for (;;) {
    const choice = choose(ways, settings, { bytes: budget - less, rough });
    if ("diagnostics" in choice) return choice;
    if ("obstacles" in choice) return { diagnostics: obstacleProblems(choice, settings) };
    const { way, policy, decisions, searched } = choice;
    const { elaborated, chosen, modules } = way.candidates;
    const after = modules(policy);
    const built = buildPlan({
      module: after.get("fuse") ?? elaborated.module,
      profile,
      budget,
      job: jobOf(way, settings),
      parameters: elaborated.parameters,
      step: elaborated.step,
      decisions: [...decisions, ...precisionDecisions(settings)],
      kernels,
      chosen,
      interpret,
    });
    const over = "plan" in built ? built.plan.peakBytes - budget : 0;
    if (over <= 0 || !searched) return { way, after, built };
    less = 2 * less + over;
  }
}

function obstacleProblems(
  { obstacles }: { readonly obstacles: readonly Obstacle[] },
  settings: Settings,
): readonly Diagnostic[] {
  return obstacles.map(({ message, span = settings.model.path.span }) =>
    problem("FTL0501", span, message, "cannot be planned for this device"),
  );
}

function jobOf({ accumulation, rows, candidates }: Way, settings: Settings): PlanJob {
  const { tokens, room, vocabulary, learns, ranks } = candidates.elaborated;
  return { batch: settings.batch.value, accumulation, rows, tokens, room, vocabulary, learns, ranks };
}

/** Which types were chosen under mixed precision, and what stays in f32 all the same. */
function precisionDecisions({ precision: { value } }: Settings): readonly Decision[] {
  if (value === "f32") return [];
  const { compute, store, lossScale } = value;
  const scaled =
    lossScale === "none"
      ? "no loss scale"
      : typeof lossScale === "number"
        ? `loss scale ${lossScale}`
        : `loss scale from 65536, halved by a step that overflows, doubled by ${lossScale.doubling} in a row that do not`;
  // WGSL has no arithmetic in bf16.
  const products = compute === "bf16" ? "f32" : compute;
  const why =
    "said by the recipe, or its default; in f32 stay sums of products, weights that train, their gradients and optimizer states, " +
    "norms, softmax, attention's statistics, logits and loss, and rows of an odd length";
  return [
    {
      what: "precision",
      chosen: `products take ${products}, activations are kept in ${store}; ${scaled}`,
      why,
      considered: [],
    },
  ];
}
