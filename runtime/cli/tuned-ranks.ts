// The ranks that `--rank` and `--ranks` ask for, held against the recipe's adapter.
import type { Settings } from "../../compiler/language/settings.ts";
import { exitCodes, Failure, notBuiltYet } from "./exit.ts";

/** Refuses ranks of an adapter that has one; undefined: none were. */
export function oneRank(
  settings: Pick<Settings, "adapters">,
  ranks: number | readonly number[] | undefined,
): void {
  if (ranks === undefined) return;
  const ranged = settings.adapters.find(({ options }) => options.get("rank")?.value.kind === "range");
  if (ranged !== undefined) throw notBuiltYet("--rank");
  const [only] = settings.adapters;
  const rank = only?.options.get("rank")?.value;
  const has =
    only === undefined
      ? "there is no adapter"
      : rank?.kind === "number"
        ? `adapter '${only.alias}' has one rank, ${rank.value}`
        : `adapter '${only.alias}' has no rank`;
  throw new Failure(
    `${has}: a rank is chosen where the recipe gives a range, such as 'rank: 1..64'`,
    exitCodes.usage,
    ["leave --rank out"],
  );
}
