// The clauses that name a definition: adapters, the head, the optimizer with what is common to all of them, and the schedule.
import { problem } from "../../grammar/diagnostic.ts";
import type { Clause, Definition } from "../../grammar/syntax.ts";
import { together, unknownOption, type OptionRules, type ReadClause, type ReadRecipe } from "./clause.ts";
import { findDefinition, rangedNames, readOptions } from "./chosen.ts";
import { clauses } from "./clauses.ts";
import { group, groupPatterns, partGroup, stateTypes, type WrittenHeld } from "./clause-forms.ts";
import { replace, type Report } from "./forms.ts";
import type {
  AdapterSettings,
  Chosen,
  GroupSettings,
  HeldAs,
  MethodSettings,
  Said,
  Settings,
} from "./settings.ts";

type Found = { readonly definition: Definition | "announced"; readonly chosen: Chosen };

function choose(
  clause: ReadClause<string, OptionRules>,
  kind: "adapter" | "task" | "method" | "optimizer" | "schedule",
  read: ReadRecipe,
): Found | undefined {
  const name = clause.argument;
  if (name === undefined) return undefined;
  const definition = findDefinition(kind, name, read.scope, read.path, read.report);
  if (definition === undefined) return undefined;
  const options = readOptions(
    definition,
    name,
    clause.rest,
    Object.keys(clauses[kind === "task" ? "head" : kind].options),
    true,
    read.report,
    () => rangedNames(kind, read.scope, read.path),
  );
  return { definition, chosen: { name, options, span: clause.clause.span } };
}

export function readAdapters(read: ReadRecipe): AdapterSettings[] {
  const aliases = new Map<string, AdapterSettings>();
  for (const clause of read.all(clauses.adapter)) {
    const found = choose(clause, "adapter", read);
    if (found === undefined) continue;
    const alias = clause.clause.alias?.text ?? found.chosen.name.value;
    const first = aliases.get(alias);
    if (first !== undefined) {
      const span = clause.clause.alias?.span ?? found.chosen.name.span;
      const related = [{ span: first.span, label: "the first" }];
      const message = `two adapters are called '${alias}'`;
      read.report(problem("FTL0315", span, message, "give each a name: adapter NAME as OTHER", { related }));
    }
    const modules =
      found.definition === "announced" ? ["linear"] : found.definition.on.map((name) => name.text);
    const everywhere = modules.map((name) => ({ value: `all_${name}`, span: found.chosen.name.span }));
    aliases.set(alias, {
      ...found.chosen,
      alias,
      on: clause.options.on?.value ?? everywhere,
      start: clause.options.start,
      offload: clause.options.offload?.value === "host",
      groups: readGroups(clause, found, partGroup.example, read.report),
    });
  }
  return [...aliases.values()];
}

export function readOptimizer(
  read: ReadRecipe,
): Pick<Settings, "optimizer" | "clip" | "state" | "offload" | "groups"> | undefined {
  const clause = read.one(clauses.optimizer);
  const found = clause === undefined ? undefined : choose(clause, "optimizer", read);
  if (clause === undefined || found === undefined) return undefined;
  const { clip, state, offload } = clause.options;
  const { span } = found.chosen;
  const limit =
    clip === undefined || clip.value === "none" ? undefined : { value: clip.value, span: clip.span };
  return {
    optimizer: found.chosen,
    clip: limit,
    state: readHeld(state, stateTypes, read) ?? { value: { kind: "type", type: "f32" }, span },
    offload: offload?.value === "host",
    groups: readGroups(clause, found, group.example, read.report),
  };
}

/** The task that the head is for, or the next word. */
export function readHead(read: ReadRecipe): Chosen | undefined {
  const clause = read.one(clauses.head);
  const { span } = read.recipe.name;
  if (clause === undefined) return { name: { value: "causal", span }, options: new Map(), span };
  return choose(clause, "task", read)?.chosen;
}

function readGroups(
  { nested }: ReadClause<string, OptionRules>,
  found: Found,
  example: string,
  report: Report,
): readonly GroupSettings[] {
  return nested.flatMap((entry) => readGroup(entry, found, example, report));
}

/** `group "*norm*" { weight_decay: 0 }`: options of the definition for what has a name that matches. */
function readGroup(
  { noun, arguments: given, body, span }: Clause,
  { definition, chosen }: Found,
  example: string,
  report: Report,
): readonly GroupSettings[] {
  const said = together(given);
  if (said === undefined) {
    const message = `'group' takes ${groupPatterns.expected}`;
    report(problem("FTL0306", noun.span, message, `nothing follows; write ${example}`));
    return [];
  }
  const patterns = groupPatterns.read(said, { label: "'group'", report });
  const entries = body ?? [];
  for (const entry of entries) {
    if (entry.kind !== "clause" || entry.noun.text === "") continue;
    const edits = [replace(entry.noun.span, `${entry.noun.text}:`)];
    report(
      problem("FTL0302", entry.noun.span, "an option is written 'name: value'", "a colon is missing", {
        edits,
      }),
    );
  }
  const written = entries.filter((entry) => entry.kind === "option");
  const options = readOptions(definition, chosen.name, written, [], false, report);
  return patterns === undefined ? [] : [{ patterns, options, span }];
}

/** How something is held: in one of the types, or in a format of the library. Undefined where nobody says it, or after reporting. */
export function readHeld<Type extends string>(
  said: Said<WrittenHeld> | undefined,
  types: readonly Type[],
  read: ReadRecipe,
): Said<HeldAs<Type>> | undefined {
  if (said === undefined) return undefined;
  const { value, span } = said;
  const { name, options } = value;
  const type = types.find((each) => each === name.value);
  if (type !== undefined) {
    for (const { path, span: at } of options)
      unknownOption(pathText(path), path[0]?.span ?? at, `'${type}'`, [], read.report);
    return { value: { kind: "type", type }, span };
  }
  const definition = findDefinition("format", name, read.scope, read.path, read.report, types);
  if (definition === undefined) return undefined;
  const given = readOptions(definition, name, options, [], true, read.report);
  return { value: { kind: "format", format: { name, options: given, span } }, span };
}

function pathText(path: readonly { readonly text: string }[]): string {
  return path.map(({ text }) => text).join(".");
}

/** The method that gradients are had by, where it is not backpropagation. */
export function readMethod(read: ReadRecipe): MethodSettings | undefined {
  const clause = read.one(clauses.method);
  const found = clause === undefined ? undefined : choose(clause, "method", read);
  if (clause === undefined || found === undefined) return undefined;
  return { ...found.chosen, firstOrder: clause.options.first_order?.value ?? [] };
}

/** The schedule, or the full rate throughout. */
export function readSchedule(read: ReadRecipe): Chosen | undefined {
  const clause = read.one(clauses.schedule);
  const { span } = read.recipe.name;
  if (clause === undefined) return { name: { value: "constant", span }, options: new Map(), span };
  return choose(clause, "schedule", read)?.chosen;
}
