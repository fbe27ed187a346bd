// What a recipe may say of ranges of ranks, and what is refused at the place that says it.
import { expect, test } from "vitest";
import { textOf } from "../../../grammar/source.ts";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { tiny } from "./small.ts";

function elaborated(adapter: string, optimizer = "sgd { rate: 0.1 }", more = "") {
  const files = tiny({ adapter, optimizer, extra: more });
  const text = files.get("recipe.ftl") ?? "";
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  const made = input === undefined ? undefined : elaborate(input);
  return { ...made, diagnostics: [...diagnostics, ...(made?.diagnostics ?? [])] };
}

const dylora = (options = ""): string => `adapter dylora { rank: 2..8, alpha: 16${options} }`;

interface Case {
  readonly adapter: string;
  readonly optimizer?: string;
  readonly more?: string;
  /** What is pointed at. */
  readonly at: string;
  readonly message: string;
}

const refused: Readonly<Record<string, Case>> = {
  "a list with a rank outside": {
    adapter: dylora(", draw: [2, 9]"),
    at: "[2, 9]",
    message: "the list of ranks holds whole numbers from 2 to 8",
  },
  "a draw that nobody knows": {
    adapter: dylora(", draw: normal"),
    at: "normal",
    message: "'draw' takes uniform, geometric, or a list of ranks such as [8, 4, 2, 1]",
  },
  "a geometric draw without end": {
    adapter: dylora(", draw: geometric, p: 0"),
    at: "0",
    message: "a geometric draw needs a share between 0 and 1",
  },
  "an update that nobody knows": {
    adapter: dylora(', update: "first"'),
    at: '"first"',
    message: "'update' is all or last",
  },
  "modules with ranks beyond the adapter's": {
    adapter: dylora(`\n group "q_proj" { rank: 2..16 }\n`),
    at: "2..16",
    message: "the ranks of a module are among those of the whole adapter, 2..8, and begin with the same",
  },
  "modules that begin later": {
    adapter: dylora(`\n group "q_proj" { rank: 4 }\n`),
    at: "4",
    message: "the ranks of a module are among those of the whole adapter, 2..8, and begin with the same",
  },
  "evaluation at a rank outside": {
    adapter: dylora(),
    more: 'evaluation "held.jsonl" { ranks: [2, 1] }',
    at: "1",
    message: "no adapter of this recipe can be evaluated at rank 1",
  },
  "evaluation at ranks of an adapter that has one": {
    adapter: "adapter lora { rank: 4 }",
    more: 'evaluation "held.jsonl" { ranks: [4] }',
    at: "4",
    message: "no adapter of this recipe can be evaluated at rank 4",
  },
};

test.each(Object.entries(refused))("%s is refused", (_, { adapter, optimizer, more, at, message }) => {
  const [found] = elaborated(adapter, optimizer, more).diagnostics;
  expect([found?.message, found?.span.source.path, found && textOf(found.span)]).toEqual([
    message,
    "recipe.ftl",
    at,
  ]);
});

test.each(["adafactor", "muon { rate: 0.1 }", "adalomo { rate: 0.1 }"])(
  "%s, which changes weights together, is refused",
  (optimizer) => {
    const [found] = elaborated(dylora(), optimizer).diagnostics;
    const [name = ""] = optimizer.split(" ");
    expect(found?.code).toBe("FTL0745");
    expect(found?.message).toMatch(
      new RegExp(`^'${name}' changes the weights of a tensor together, .*lora_A`),
    );
    expect(found && textOf(found.span)).toBe(name);
  },
);

test.each(["adamw", "adam", "sgd", "lion", "rmsprop", "adagrad", "lomo"])("%s is taken", (optimizer) => {
  const { diagnostics, elaborated: made } = elaborated(
    dylora(", draw: geometric"),
    `${optimizer} { rate: 0.1 }`,
  );
  expect(diagnostics).toEqual([]);
  expect(made?.ranks).toEqual([
    { name: "rank of dylora", adapter: "dylora", first: 2, last: 8, draw: { kind: "geometric", p: 0.15 } },
  ]);
});

test("a rank alone is drawn from nothing", () => {
  expect(elaborated("adapter dylora { rank: 4 }").elaborated?.ranks).toEqual([]);
});

test("two adapters draw each for itself", () => {
  const { elaborated: made, diagnostics } = elaborated(
    "adapter dylora as a { rank: 1..4, on: [q_proj] }\n  adapter dylora as b { rank: 1..8, on: [v_proj] }",
  );
  expect(diagnostics).toEqual([]);
  expect(made?.ranks.map(({ name, last }) => [name, last])).toEqual([
    ["rank of a", 4],
    ["rank of b", 8],
  ]);
});
