// The ranks that `--rank` and `--ranks` ask for, held against the ranges of the adapters that are run.
import type { Settings } from "../../compiler/language/settings.ts";
import type { PlanJob } from "../../compiler/plan/plan.ts";
import { isRank } from "../train/ranks.ts";
import { exitCodes, Failure } from "./exit.ts";

/** The ranks; a Failure where an adapter has one rank, or a range without one of them. */
export function wantedRanks(
  {
    settings,
    plan,
  }: {
    readonly settings: Pick<Settings, "adapters">;
    readonly plan: { readonly job: Pick<PlanJob, "ranks"> };
  },
  ranks: readonly number[],
): readonly number[] {
  const { job } = plan;
  const outside = ranks.find((rank) => !isRank(job, rank));
  if (outside === undefined) return ranks;
  if (job.ranks.length === 0) throw withoutRange(settings);
  const known = job.ranks.map(
    ({ adapter, first, last }) => `adapter '${adapter}' has the ranks ${first} to ${last}`,
  );
  throw new Failure(`${known.join(", ")}, not ${outside}`, exitCodes.usage);
}

function withoutRange({ adapters: [only] }: Pick<Settings, "adapters">): Failure {
  const rank = only?.options.get("rank")?.value;
  const has =
    only === undefined
      ? "there is no adapter"
      : rank?.kind === "number"
        ? `adapter '${only.alias}' has one rank, ${rank.value}`
        : `adapter '${only.alias}' has no rank`;
  return new Failure(
    `${has}: a rank is chosen where the recipe gives a range, such as 'rank: 1..64'`,
    exitCodes.usage,
    ["leave --rank out"],
  );
}
