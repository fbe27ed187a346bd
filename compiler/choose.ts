// What a recipe leaves to the compiler: accumulation and checkpointing. Comes in: what is elaborated, and bytes. Goes out: the micro-batch
// and the policy with the least predicted time for a step that fits, and the decisions for the plan. Holds: the same recipe, profile
// and budget give the same choice; what the recipe says is not weighed against anything.
import type { Diagnostic } from "../grammar/diagnostic.ts";
import { candidatesOf, type Candidates, type Knowledge } from "./candidates.ts";
import { inWords, saidPolicy } from "./checkpointing.ts";
import { elaborate, type ElaborationInput } from "./elaborate/elaborate.ts";
import { fit, measuring, type Measure, type Search } from "./fit.ts";
import type { Settings } from "./language/settings.ts";
import type { Checkpointing } from "./passes/checkpoint.ts";
import type { Obstacle } from "./plan/layout.ts";
import type { Decision } from "./plan/plan.ts";

/** The recipe with micro-batches of one size. */
export interface Way {
  readonly accumulation: number;
  readonly rows: number;
  readonly candidates: Candidates;
  readonly measure: Measure;
  readonly diagnostics: readonly Diagnostic[];
}

export interface Choice {
  readonly way: Way;
  readonly policy: Checkpointing;
  readonly decisions: readonly Decision[];
  /** Whether another choice would be made within fewer bytes. */
  readonly searched: boolean;
}

/** Elaborates each size of micro-batch once. Undefined: the recipe has mistakes, told in `diagnostics`. */
export interface Ways {
  way(accumulation: number): Way | { readonly diagnostics: readonly Diagnostic[] };
}

export function waysOf(input: ElaborationInput, knowledge: Knowledge): Ways {
  const known = new Map<number, ReturnType<Ways["way"]>>();
  const { settings } = input;
  return {
    way: (accumulation) => {
      const before = known.get(accumulation);
      if (before !== undefined) return before;
      const rows = settings.batch.value / accumulation;
      const { elaborated, diagnostics } = elaborate({ ...input, rows });
      const candidates = elaborated && candidatesOf(elaborated, settings, knowledge);
      const made =
        candidates === undefined
          ? { diagnostics }
          : { accumulation, rows, candidates, measure: measuring(candidates), diagnostics };
      known.set(accumulation, made);
      return made;
    },
  };
}

/** The cheapest choice within a budget; where nothing fits, the smallest. */
export function choose(
  ways: Ways,
  settings: Settings,
  budget: number,
): Choice | { readonly diagnostics: readonly Diagnostic[] } | { readonly obstacles: readonly Obstacle[] } {
  const { accumulation, checkpoint } = settings;
  const open = accumulation.value === "auto";
  const found: { readonly way: Way; readonly search: Search }[] = [];
  for (const parts of open ? divisorsOf(settings.batch.value) : [accumulation.value]) {
    const way = ways.way(parts);
    if (!("candidates" in way)) return way;
    const search = searchIn(way, settings, budget, bestTime(found));
    if ("obstacles" in search) {
      // A smaller micro-batch may be within the device's limits.
      if (open && parts < settings.batch.value) continue;
      if (found.length === 0) return search;
      break;
    }
    found.push({ way, search });
    // More and smaller micro-batches cannot be faster than one that computes nothing again.
    if (search.fits && search.tried.length === 1) break;
  }
  const [best] = found.toSorted(
    (a, b) =>
      Number(b.search.fits) - Number(a.search.fits) ||
      (a.search.fits
        ? a.way.accumulation * a.search.best.work - b.way.accumulation * b.search.best.work
        : a.search.best.bytes - b.search.best.bytes),
  );
  if (best === undefined) throw new Error("a batch has a divisor");
  const { way, search } = best;
  const decisions: Decision[] = [];
  if (open) decisions.push(accumulationDecision(way, found));
  decisions.push(checkpointDecision(checkpoint.value, way, search));
  const searched = open || checkpoint.value === "auto";
  return { way, policy: search.best.policy, decisions, searched: searched && search.fits };
}

function searchIn(way: Way, settings: Settings, budget: number, time: number): ReturnType<typeof fit> {
  const { value } = settings.checkpoint;
  const { candidates, measure } = way;
  if (value === "auto") return fit(candidates, measure, budget, time / way.accumulation);
  const policy = saidPolicy(value, candidates.elaborated.module);
  // Where nothing is open, nothing is measured: the plan itself tells.
  if (settings.accumulation.value !== "auto")
    return { best: { policy, bytes: 0, held: 0, work: 0 }, fits: true, tried: [] };
  const only = measure(policy);
  return "obstacles" in only ? only : { best: only, fits: only.bytes <= budget, tried: [only] };
}

function bestTime(found: readonly { readonly way: Way; readonly search: Search }[]): number {
  return Math.min(
    ...found
      .filter(({ search }) => search.fits)
      .map(({ way, search }) => way.accumulation * search.best.work),
  );
}

function divisorsOf(batch: number): readonly number[] {
  return Array.from({ length: batch }, (_, at) => at + 1).filter((each) => batch % each === 0);
}

function checkpointDecision(
  said: Settings["checkpoint"]["value"],
  { candidates }: Way,
  { best, fits, tried }: Search,
): Decision {
  const chosen = inWords(best.policy);
  const what = "checkpoint";
  if (said === "sqrt")
    return { what, chosen, why: `the square root of ${candidates.layers} layers`, considered: [] };
  if (said !== "auto") return { what, chosen, why: "said by the recipe, or its default", considered: [] };
  const why = fits
    ? "of what fits the memory, least is computed again"
    : "nothing fits the memory; this needs least";
  return {
    what,
    chosen,
    why,
    considered: tried.map((each) => `${inWords(each.policy)}: ${each.bytes} bytes, ${workText(each.work)}`),
  };
}

function accumulationDecision(
  { accumulation }: Way,
  found: readonly { readonly way: Way; readonly search: Search }[],
): Decision {
  return {
    what: "accumulation",
    chosen: String(accumulation),
    why: "the least predicted time of a step within the memory",
    considered: found.map(({ way, search: { best, fits } }) => {
      const time = workText(way.accumulation * best.work);
      const needs = `${best.bytes} bytes${fits ? "" : ", too many"}`;
      return `${way.accumulation} × ${way.rows} rows, checkpoint ${inWords(best.policy)}: ${needs}, ${time} a step`;
    }),
  };
}

/** Predicted time is counted in bytes that could be moved meanwhile. */
function workText(work: number): string {
  return `cost ${(work / 1e9).toPrecision(4)} GB moved`;
}
