// Plans that are too large, refused with what would help. Comes in: what was planned, and how. Goes out: the diagnostic on standard error, and
// the repairs for who writes them down. Holds: nothing is said of plans that fit, and nothing is planned again for them.
import type { Compilation } from "../../compiler/compile.ts";
import { repairsOf, type FoundRepair } from "../../compiler/repair.ts";
import { refusalOf } from "../../compiler/refusal.ts";
import { sayDiagnostics } from "./diagnostics.ts";
import { readOptional, readSource } from "./files.ts";
import type { Changes, Planned } from "./plan-recipe.ts";
import type { Terminal } from "./terminal.ts";

/** Repairs of a recipe of which some plan does not fit, by planning it again as it was planned. */
export function findRepairs(
  path: string,
  { set, memory, purposes }: Pick<Changes, "set" | "memory" | "purposes">,
  planned: readonly Planned[],
): readonly FoundRepair[] {
  const [first] = planned;
  if (first === undefined || planned.every(isWithin)) return [];
  const options = {
    path,
    read: readOptional,
    profile: first.plan.device,
    ...(set === undefined ? {} : { set }),
    ...(memory === undefined ? {} : { memory }),
    ...(purposes === undefined ? {} : { purposes }),
  };
  return repairsOf(readSource(path).text, options, planned);
}

/** Says so where a plan needs more than it may have. */
export function fits(
  planned: readonly Planned[],
  terminal: Terminal,
  repairs: readonly FoundRepair[] = [],
): boolean {
  sayDiagnostics(
    planned.flatMap((each) => refusalOf(each, repairs) ?? []),
    terminal,
  );
  return planned.every(isWithin);
}

function isWithin({ plan }: Compilation): boolean {
  return plan !== undefined && plan.peakBytes <= plan.budget;
}
