// What a recipe may say and the compiler cannot do yet, as one table: each row finds the places in a checked recipe that ask for
// it. Whoever builds something deletes its row. Nothing that a recipe says is ignored: it works, or a row here reports it.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { DefinitionKind, Recipe } from "../../grammar/syntax.ts";
import { announcedNames } from "./announced.ts";
import type { Scope } from "./resolve.ts";
import type { DataSettings, Said, Settings } from "./settings.ts";

interface PlannedRow {
  readonly code: string;
  /** Completes "not built yet: …". */
  readonly what: string;
  /** What to write meanwhile. */
  readonly instead: string;
  /** The places that ask for it. */
  readonly where: (settings: Settings, at: Place) => readonly (Span | undefined)[];
}

/** Where the recipe says a setting, by its path, such as "data.pack"; else the clause. */
type Place = (path: string) => Span | undefined;

const data = (settings: Settings): readonly [string, DataSettings][] => [
  ["data", settings.data],
  ...(settings.evaluation === undefined
    ? []
    : [["evaluation", settings.evaluation] as [string, DataSettings]]),
];

const spans = (items: readonly { readonly span: Span }[]): readonly Span[] => items.map((item) => item.span);

const rowsWhere = (option: string, asks: (rows: DataSettings) => boolean): PlannedRow["where"] => {
  return (settings, at) =>
    data(settings).flatMap(([noun, rows]) => {
      if (!asks(rows)) return [];
      // What evaluation inherits is reported once, where data says it.
      const said = at(`${noun}.${option}`);
      return noun === "evaluation" && said === undefined ? [] : [said ?? rows.path.span];
    });
};

const rows: readonly PlannedRow[] = [
  {
    code: "FTL0901",
    what: "precision mixed",
    instead: "write precision f32",
    where: ({ precision }) => (precision.value === "f32" ? [] : [precision.span]),
  },
  {
    code: "FTL0903",
    what: "accumulation auto",
    instead: "write a number",
    where: ({ accumulation }) => (accumulation.value === "auto" ? [accumulation.span] : []),
  },
  {
    code: "FTL0904",
    what: "checkpoint sqrt, auto and keep",
    instead: "write every N or none",
    where: ({ checkpoint, keep }) => [
      ...(checkpoint.value === "sqrt" || checkpoint.value === "auto" ? [checkpoint.span] : []),
      ...spans(keep.slice(0, 1)),
    ],
  },
  {
    code: "FTL0905",
    what: "a range of ranks",
    instead: "write one rank",
    where: ({ adapters }) =>
      adapters.flatMap((adapter) =>
        spans([...adapter.options.values()].filter((said) => said.value.kind === "range")),
      ),
  },
  {
    code: "FTL0906",
    what: "the format chat",
    instead: "write text, prompt or tokens",
    where: rowsWhere("format", ({ format }) => format === "chat"),
  },
  {
    code: "FTL0907",
    what: "Parquet files",
    instead: "use JSONL",
    where: (settings) =>
      spans(data(settings).flatMap(([, rows]) => (/\.parquet$/i.test(rows.path.value) ? [rows.path] : []))),
  },
  {
    code: "FTL0908",
    what: "packing several rows into one",
    instead: "write pack: false",
    where: rowsWhere("pack", ({ pack }) => pack),
  },
  {
    code: "FTL0909",
    what: "splitting off rows for evaluation",
    instead: "name a file after 'evaluation'",
    where: rowsWhere("split", ({ split }) => split > 0),
  },
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
  {
    code: "FTL0915",
    what: "offloading to the host",
    instead: "leave 'offload' out",
    where: ({ offload }) => (offload.value ? [offload.span] : []),
  },
  {
    code: "FTL0918",
    what: "device profiles from files",
    instead: "name a built-in profile",
    where: ({ device }) => (device !== undefined && /[/\\]|\.json$/.test(device.value) ? [device.span] : []),
  },
];

/** All that a checked recipe asks for and that is not built yet, stages included. */
export function planned(whole: Settings, recipe: Recipe, scope: Scope): Diagnostic[] {
  const variants = [whole, ...whole.stages.map(({ settings }) => settings)];
  const at: Place = (path) => {
    const [noun, option] = path.split(".");
    const clause = recipe.clauses.find((entry) => entry.noun.text === noun);
    const said = clause?.body?.find((entry) => entry.kind === "option" && entry.path[0]?.text === option);
    return said?.span;
  };
  const found = variants.flatMap((settings) =>
    rows.flatMap((row) =>
      row
        .where(settings, at)
        .filter((span) => span !== undefined)
        .map((span) => problem(row.code, span, `not built yet: ${row.what}`, row.instead)),
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
