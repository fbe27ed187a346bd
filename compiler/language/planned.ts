// What a recipe may say and the compiler cannot do yet, as one table: each row finds the places in a checked recipe that ask for
// it. Whoever builds something deletes its row. Nothing that a recipe says is ignored: it works, or a row here reports it.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { DefinitionKind, Recipe } from "../../grammar/syntax.ts";
import { announcedNames } from "./announced.ts";
import type { Scope } from "./resolve.ts";
import type { Said, Settings } from "./settings.ts";

interface PlannedRow {
  readonly code: string;
  /** Completes "not built yet: …". */
  readonly what: string;
  /** What to write meanwhile. */
  readonly instead: string;
  /** The places that ask for it. */
  readonly where: (settings: Settings) => readonly Span[];
}

const spans = (items: readonly { readonly span: Span }[]): readonly Span[] => items.map((item) => item.span);

const rows: readonly PlannedRow[] = [
  {
    code: "FTL0910",
    what: "a sweep",
    instead: "use --set for each value",
    where: ({ sweep }) => spans(sweep),
  },
  {
    code: "FTL0912",
    what: "several devices",
    instead: "leave 'devices' out",
    where: ({ devices }) => (devices === undefined || devices.value.count === 1 ? [] : [devices.span]),
  },
];

/** All that a checked recipe asks for and that is not built yet, stages included. */
export function planned(whole: Settings, recipe: Recipe, scope: Scope): Diagnostic[] {
  const variants = [whole, ...whole.stages.map(({ settings }) => settings)];
  const found = variants.flatMap((settings) =>
    rows.flatMap((row) =>
      row.where(settings).map((span) => problem(row.code, span, `not built yet: ${row.what}`, row.instead)),
    ),
  );
  const unknown = variants.flatMap((settings) => names(settings, recipe, scope));
  const all = [...unknown, ...found].toSorted((a, b) => a.span.start - b.span.start);
  return all.filter(
    (one, index) =>
      all.findIndex((other) => other.code === one.code && samePlace(other.span, one.span)) === index,
  );
}

function samePlace(a: Span, b: Span): boolean {
  return a.source === b.source && a.start === b.start && a.end === b.end;
}

/** Announced definitions that neither the library nor the recipe's files have. */
function names(settings: Settings, recipe: Recipe, scope: Scope): Diagnostic[] {
  const from = recipe.name.span.source.path;
  const { architecture } = settings.model;
  const said: [DefinitionKind, Said<string>][] = [
    ...(architecture === undefined ? [] : [["architecture", architecture] as [DefinitionKind, Said<string>]]),
    ...settings.adapters.map((adapter): [DefinitionKind, Said<string>] => ["adapter", adapter.name]),
    ["task", settings.head.name],
    ...(settings.method === undefined
      ? []
      : [["method", settings.method.name] as [DefinitionKind, Said<string>]]),
    ["optimizer", settings.optimizer.name],
    ["schedule", settings.schedule.name],
  ];
  return said
    .filter(([kind, name]) => scope.lookup(kind, name.value, from) === undefined)
    .map(([kind, name]) => notYet(kind, name.value, name.span, scope.names(kind, from)));
}

/** A definition that is announced and not in the library yet. `existing` are those that are. */
export function notYet(
  kind: DefinitionKind,
  name: string,
  span: Span,
  existing: readonly string[],
): Diagnostic {
  return problem("FTL0900", span, `not built yet: ${kind} ${name}`, `known: ${existing.join(", ")}`);
}

/** True where a name is announced for a later version. */
export function isAnnounced(kind: DefinitionKind, name: string): boolean {
  return announcedNames(kind).includes(name);
}
