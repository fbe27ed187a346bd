// Options of the optimizer for single parameters and of an adapter for single modules: a recipe's `group` clauses select them by patterns
// of their names and give them options of their own. What groups say later goes before what they say earlier, option by option.
import type { GroupSettings } from "../language/settings.ts";
import type { Declared, Passed } from "./meaning.ts";
import { matcher } from "./patterns.ts";
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Run } from "./stacks.ts";

/** A `group` clause and its options as arguments of the definition. */
export interface Group {
  readonly patterns: GroupSettings["patterns"];
  readonly options: readonly Passed[];
}

/** Consecutive parts of a stack with the same options, or all of a tensor. */
export interface Grouped {
  readonly run: Run;
  readonly options: readonly Passed[];
}

/** The groups that something of this name is in. */
export function groupsWith(groups: readonly Group[], name: string): readonly Group[] {
  return groups.filter(({ patterns }) => matcher(patterns.map(({ value }) => value))(name));
}

/** The options of a parameter or a module: those of the clause, replaced by those of the groups that it is in. */
export function optionsOf(groups: readonly Group[], options: readonly Passed[]): readonly Passed[] {
  const all = [...options, ...groups.flatMap((group) => group.options)];
  return [...new Map(all.map((option) => [option.name, option])).values()];
}

/** A tensor's parts, cut where the groups that they are in change. */
export function grouped(
  weight: Declared,
  groups: readonly Group[],
  options: readonly Passed[],
): readonly Grouped[] {
  const found: { run: Run; inside: readonly Group[] }[] = [];
  (weight.parts ?? [weight]).forEach((part, index) => {
    const inside = groupsWith(groups, part.name);
    const last = found.at(-1);
    if (last !== undefined && same(last.inside, inside))
      found[found.length - 1] = { ...last, run: { ...last.run, count: last.run.count + 1 } };
    else found.push({ run: { first: index, count: 1 }, inside });
  });
  return found.map(({ run, inside }) => ({ run, options: optionsOf(inside, options) }));
}

function same(a: readonly Group[], b: readonly Group[]): boolean {
  return a.length === b.length && a.every((group, index) => group === b[index]);
}

/** Patterns that select nothing that trains. */
export function unmatched(weights: readonly Declared[], groups: readonly Group[]): readonly Diagnostic[] {
  const parameters = weights.flatMap((weight) => weight.parts ?? [weight]);
  const idle = groups
    .flatMap(({ patterns }) => patterns)
    .filter((pattern) => !parameters.some(({ name }) => matcher([pattern.value])(name)));
  return idle.map(({ value, span }) => {
    const [example] = parameters;
    const label = example === undefined ? "selects nothing" : `selects nothing; '${example.name}' trains`;
    return problem("FTL0730", span, `no parameter that trains has a name like '${value}'`, label);
  });
}
