// What a recipe leaves to the compiler: accumulation and checkpointing. Comes in: what is elaborated, and bytes. Goes out: the micro-batch
// and the policy with the least predicted time for a step that fits, and the decisions for the plan. Holds: the same recipe, profile
// and budget give the same choice; what the recipe says is not weighed against anything.
import type { Diagnostic } from "../grammar/diagnostic.ts";
import { candidatesOf, type Candidates, type Knowledge, type Settled } from "./candidates.ts";
import { inWords, saidPolicy } from "./checkpointing.ts";
import { elaborate, type ElaborationInput } from "./elaborate/elaborate.ts";
import { foretelling, type Foretold } from "./foretell.ts";
import { fit, measuring, type Measure, type Search, type Tried } from "./fit.ts";
import type { Settings } from "./language/settings.ts";
import { keepAll, type Checkpointing } from "./passes/checkpoint.ts";
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
  const settled: Settled = new Map();
  return {
    way: (accumulation) => {
      const before = known.get(accumulation);
      if (before !== undefined) return before;
      const rows = settings.batch.value / accumulation;
      const { elaborated, diagnostics } = elaborate({ ...input, rows });
      const candidates = elaborated && candidatesOf(elaborated, settings, knowledge, settled);
      const made =
        candidates === undefined
          ? { diagnostics }
          : { accumulation, rows, candidates, measure: measuring(candidates), diagnostics };
      known.set(accumulation, made);
      return made;
    },
  };
}

/** A size of micro-batch: what was searched, or what is foretold where that promises nothing. */
interface Found {
  readonly accumulation: number;
  readonly rows: number;
  readonly searched: Searched | undefined;
  readonly foretold: Foretold | undefined;
}

interface Searched {
  readonly way: Way;
  readonly search: Search;
}

type Failure = { readonly diagnostics: readonly Diagnostic[] } | { readonly obstacles: readonly Obstacle[] };

/** The cheapest choice within a budget; where nothing fits, the smallest. */
export function choose(
  ways: Ways,
  settings: Settings,
  { bytes: budget, rough = false }: { readonly bytes: number; readonly rough?: boolean },
): Choice | Failure {
  const { accumulation, checkpoint } = settings;
  const open = accumulation.value === "auto";
  const made = open
    ? searchAll(ways, settings, { budget, rough })
    : searchOne(ways, accumulation.value, settings, { budget, rough });
  if ("diagnostics" in made || "obstacles" in made) return made;
  const { found } = made;
  const [best] = found
    .flatMap(({ searched }) => searched ?? [])
    .toSorted(
      (a, b) =>
        Number(b.search.fits) - Number(a.search.fits) ||
        (a.search.fits ? timeOf(a) - timeOf(b) : a.search.best.bytes - b.search.best.bytes),
    );
  if (best === undefined) throw new Error("a batch has a divisor");
  const { way, search } = best;
  const decisions: Decision[] = [];
  if (open) decisions.push(accumulationDecision(way, found));
  decisions.push(checkpointDecision(checkpoint.value, way, search));
  const searched = open || checkpoint.value === "auto";
  return { way, policy: search.best.policy, decisions, searched: searched && search.fits };
}

type All = { readonly found: readonly Found[] } | Failure;

/** What a search may use; `rough`: where nothing fits, what needs least is not looked for. */
interface Limits {
  readonly budget: number;
  readonly rough: boolean;
}

function searchOne(ways: Ways, accumulation: number, settings: Settings, limits: Limits): All {
  const way = ways.way(accumulation);
  if (!("candidates" in way)) return way;
  const search = searchIn(way, settings, limits, Infinity);
  if ("obstacles" in search) return search;
  return { found: [{ accumulation, rows: way.rows, searched: { way, search }, foretold: undefined }] };
}

/** Foretold times may be wrong by so much, as a share. */
const MARGIN = 0.05;

/**
 * The largest micro-batch that the device takes; where that does not fit as it is, the smallest, and between the two whatever may be
 * faster than the best so far. Bytes and time grow evenly with the rows, so what two sizes need foretells all others.
 */
function searchAll(ways: Ways, settings: Settings, limits: Limits): All {
  const { budget } = limits;
  const sizes = divisorsOf(settings.batch.value);
  const done = new Map<number, Searched>();
  const search = (way: Way, time: number): Failure | undefined => {
    const made = searchIn(way, settings, limits, time);
    if ("obstacles" in made) return made;
    done.set(way.accumulation, { way, search: made });
    return undefined;
  };
  const rows = (parts: number): number => settings.batch.value / parts;
  const found = (parts: number, foretold?: Foretold): Found => {
    return { accumulation: parts, rows: rows(parts), searched: done.get(parts), foretold };
  };
  if (limits.rough) {
    const last = ways.way(settings.batch.value);
    if (!("candidates" in last)) return last;
    const failed = search(last, Infinity);
    if (failed !== undefined) return failed;
    if (done.get(settings.batch.value)?.search.fits === false)
      return { found: [found(settings.batch.value)] };
  }
  const largest = largestOf(ways, sizes, settings);
  if (!("way" in largest)) return largest;
  const { way, plain } = largest;
  const last = ways.way(settings.batch.value);
  if (!("candidates" in last)) return last;
  const small = last.measure(plainPolicy(last, settings));
  const end = plain.bytes <= budget || "obstacles" in small ? way : last;
  const failed = search(end, Infinity);
  if (failed !== undefined) return failed;
  const foretold =
    end === way || "obstacles" in small
      ? () => undefined
      : foretelling({ way, measured: plain }, { way: last, measured: small }, settings, budget);
  const isOpen = (parts: number): boolean => parts >= way.accumulation && !done.has(parts) && end === last;
  for (;;) {
    // Where the smallest does not fit, no other does.
    const best = Math.min(...[...done.values()].filter(({ search: { fits } }) => fits).map(timeOf));
    if (best === Infinity) break;
    const [next] = sizes
      .filter(isOpen)
      .flatMap((parts) => {
        const { time = Infinity, least = Infinity } = foretold(parts) ?? {};
        return time < (1 + MARGIN) * best && least < (1 + MARGIN) * budget ? [{ parts, time }] : [];
      })
      .toSorted((a, b) => a.time - b.time || a.parts - b.parts);
    if (next === undefined) break;
    const made = ways.way(next.parts);
    if (!("candidates" in made)) return made;
    const trouble = search(made, best);
    if (trouble !== undefined) return trouble;
  }
  return {
    found: sizes
      .filter((parts) => done.has(parts) || isOpen(parts))
      .map((parts) => found(parts, foretold(parts))),
  };
}

/** What the recipe says of checkpointing; where that is left open, that nothing is computed again. */
function plainPolicy({ candidates }: Way, { checkpoint: { value } }: Settings): Checkpointing {
  return value === "auto" ? keepAll : saidPolicy(value, candidates.elaborated.module);
}

/** A smaller micro-batch may be within the device's limits where a larger one is not. */
function largestOf(
  ways: Ways,
  sizes: readonly number[],
  settings: Settings,
): { readonly way: Way; readonly plain: Tried } | Failure {
  let first: Failure | undefined;
  for (const parts of sizes) {
    const way = ways.way(parts);
    if (!("candidates" in way)) return way;
    const plain = way.measure(plainPolicy(way, settings));
    if (!("obstacles" in plain)) return { way, plain };
    first = plain;
  }
  return first ?? { obstacles: [] };
}

function timeOf({ way, search }: Searched): number {
  return way.accumulation * search.best.work;
}

function searchIn(
  way: Way,
  settings: Settings,
  { budget, rough }: Limits,
  time: number,
): ReturnType<typeof fit> {
  const { value } = settings.checkpoint;
  const { candidates, measure } = way;
  if (value === "auto") return fit(candidates, measure, budget, { limit: time / way.accumulation, rough });
  const policy = saidPolicy(value, candidates.elaborated.module);
  // Where nothing is open, nothing is measured: the plan itself tells.
  if (settings.accumulation.value !== "auto")
    return { best: { policy, bytes: 0, held: 0, work: 0 }, fits: true, tried: [] };
  const only = measure(policy);
  return "obstacles" in only ? only : { best: only, fits: only.bytes <= budget, tried: [only] };
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

function accumulationDecision({ accumulation }: Way, found: readonly Found[]): Decision {
  return {
    what: "accumulation",
    chosen: String(accumulation),
    why: "the least predicted time of a step within the memory",
    considered: found.map(({ accumulation: parts, rows, searched, foretold }) => {
      const sizes = `${parts} × ${rows} rows`;
      if (searched === undefined) {
        const { bytes, least, time } = foretold ?? { bytes: 0, least: 0, time: 0 };
        const range = `${Math.round(least)} to ${Math.round(bytes)} bytes`;
        return `${sizes}, foretold: ${range}, within the memory ${workText(time)} a step or more`;
      }
      const { best, fits } = searched.search;
      const needs = `${best.bytes} bytes${fits ? "" : ", too many"}`;
      return `${sizes}, checkpoint ${inWords(best.policy)}: ${needs}, ${workText(timeOf(searched))} a step`;
    }),
  };
}

/** Predicted time is counted in bytes that could be moved meanwhile. */
function workText(work: number): string {
  return `cost ${(work / 1e9).toPrecision(4)} GB moved`;
}
