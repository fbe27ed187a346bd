// Ranges of ranks: what a parameter of the type `ranks` is to a definition, and the ranks that the host draws in each step. A module with
// a range of its own (`group`) takes the rank that is drawn for the whole adapter where it can, else its last.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { Definition } from "../../grammar/syntax.ts";
import type { Said } from "../language/settings.ts";
import type { DrawnRank, RankDraw } from "../plan/plan.ts";
import type { Environment } from "./environment.ts";
import {
  describe,
  number,
  type FunctionMeaning,
  type Meaning,
  type Passed,
  type RecordMeaning,
} from "./meaning.ts";
import { elementwise } from "./tensors.ts";
import { fail, type Workspace } from "./workspace.ts";

const label = "a range of ranks";

/** The fields `first` and `last`; one rank is a range of one. */
export function ranksMeaning(meaning: Meaning, span: Span): RecordMeaning {
  if (meaning.kind === "record" && meaning.label === label) return meaning;
  const [first, last] =
    meaning.kind === "number"
      ? [meaning.value, meaning.value]
      : meaning.kind === "range"
        ? [meaning.first, meaning.last]
        : [];
  if (typeof first !== "number" || typeof last !== "number")
    return fail("FTL0703", span, `expected ${label}, found ${describe(meaning)}`, "does not fit");
  const fields = new Map<string, Meaning>([
    ["first", number(first)],
    ["last", number(last)],
  ]);
  return { kind: "record", label, fields, open: false };
}

/** What is drawn for an adapter: each of its ranges by the parameter's name, as all of its parts must agree on it. */
export type Draws = Map<string, DrawnRank>;

/** Gives the definition's ranges, once they are bound, the function `drawn`: the rank that is drawn in each step. */
export function drawRanks(
  ws: Workspace,
  env: Environment,
  { name: definition, parameters }: Definition,
  adapter: {
    readonly alias: string;
    /** The clause's options, and those of the module at hand. */
    readonly whole: readonly Passed[];
    readonly own: readonly Passed[];
    readonly draws: Draws;
    readonly span: Span;
  },
): void {
  for (const { name, type } of parameters) {
    const bound = env.bindings.get(name.text);
    if (type?.kind !== "named" || type.name.text !== "ranks" || bound?.kind !== "record") continue;
    const [whole, own] = [adapter.whole, adapter.own].map((options) =>
      options.find((option) => option.name === name.text),
    );
    const span = own?.span ?? adapter.span;
    const range = whole === undefined ? bound : ranksMeaning(whole.meaning, whole.span);
    const [all, part] = [endsOf(range), endsOf(bound)];
    if (part.first !== all.first || part.last > all.last)
      fail(
        "FTL0745",
        span,
        `the ranks of a module are among those of the whole adapter, ${all.first}..${all.last}, and begin with the same`,
        `write ${all.first}..${Math.min(part.last, all.last)}`,
        whole === undefined ? {} : { related: [{ span: whole.span, label: "said here" }] },
      );
    const drawn: FunctionMeaning = {
      kind: "function",
      label: `${name.text}.drawn`,
      call: (passed, at) => {
        const draw = drawOf(passed, all, at.span);
        if (all.first === all.last) return number(all.first);
        const called = `${name.text} of ${adapter.alias}`;
        const known = adapter.draws.get(called);
        if (known !== undefined && JSON.stringify(known.draw) !== JSON.stringify(draw))
          fail(
            "FTL0745",
            at.span,
            `all modules of '${definition.text}' have the same draw of '${name.text}'`,
            "one draws it otherwise",
          );
        adapter.draws.set(called, { name: called, adapter: adapter.alias, ...all, draw });
        const rank: Meaning = { kind: "scalar", expression: { name: called } };
        return part.last === all.last ? rank : elementwise(ws, "minimum", [rank, number(part.last)], at.span);
      },
    };
    env.bindings.set(name.text, { ...bound, fields: new Map([...bound.fields, ["drawn", drawn]]) });
  }
}

/** Ranks that a recipe evaluates at and no adapter of it has. */
export function ranksOutside(wanted: readonly Said<number>[], ranks: readonly DrawnRank[]): Diagnostic[] {
  const has = (rank: number): boolean => ranks.some(({ first, last }) => first <= rank && rank <= last);
  const known = ranks.map(({ first, last, adapter }) => `${adapter} has ${first}..${last}`).join(", ");
  return wanted
    .filter(({ value }) => !has(value))
    .map(({ value, span }) => {
      const message = `no adapter of this recipe can be evaluated at rank ${value}`;
      return problem("FTL0745", span, message, known === "" ? "none has a range of ranks" : known);
    });
}

function endsOf({ fields }: RecordMeaning): { readonly first: number; readonly last: number } {
  const [first, last] = ["first", "last"].map((name) => fields.get(name));
  return {
    first: first?.kind === "number" ? first.value : 1,
    last: last?.kind === "number" ? last.value : 1,
  };
}

/** `drawn(how, p)`: "uniform"; "geometric", by p; or a list of ranks, one a step, over and over. */
function drawOf(
  passed: readonly Passed[],
  { first, last }: { readonly first: number; readonly last: number },
  at: Span,
): RankDraw {
  const [how, p] = passed.map(({ meaning }) => meaning);
  const span = (how !== undefined && "said" in how ? how.said : undefined) ?? passed[0]?.span ?? at;
  if (how?.kind === "string" && how.value === "uniform") return { kind: "uniform" };
  if (how?.kind === "string" && how.value === "geometric") {
    if (p?.kind === "number" && p.value > 0 && p.value < 1) return { kind: "geometric", p: p.value };
    const said = (p?.kind === "number" ? p.said : undefined) ?? passed[1]?.span ?? at;
    return fail("FTL0745", said, "a geometric draw needs a share between 0 and 1", "such as 0.15");
  }
  if (how?.kind !== "list")
    return fail("FTL0745", span, "a rank is drawn uniform, geometric or from a list", "not a way to draw");
  const ranks = how.elements.map((element) => (element.kind === "number" ? element.value : Number.NaN));
  const odd = ranks.find((rank) => !(Number.isInteger(rank) && rank >= first && rank <= last));
  if (odd !== undefined || ranks.length === 0)
    fail(
      "FTL0745",
      span,
      `the list of ranks holds whole numbers from ${first} to ${last}`,
      `not ${odd ?? "nothing"}`,
    );
  return { kind: "listed", ranks };
}
