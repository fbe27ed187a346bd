// What trains with what, asked of the compiler: small models of every architecture with every adapter, head and method, and every
// optimizer with what it may have to train. In: the library as it stands. Out: tables whose cells say yes, or with which code a recipe
// is refused. Nothing here is known beforehand: a cell is a recipe that was elaborated.
import { elaborate } from "../elaborate/elaborate.ts";
import { readRecipe } from "../front.ts";
import { clauseOf, exampleClause, exampleConfig } from "../language/example.ts";
import type { Definition, DefinitionKind } from "../../grammar/syntax.ts";
import { libraryIndex, resolve, type Scope } from "../language/resolve.ts";
import { exampleLines, exampleModel } from "./example-recipe.ts";
import {
  recipeLine,
  recipeText,
  withLine,
  withoutLine,
  withSetting,
  type RecipeLine,
} from "./recipe-lines.ts";

/** A recipe of a cell and the config of its model, to be compiled. */
export interface Trial {
  readonly row: string;
  readonly column: string;
  readonly recipe: string;
  readonly config: object;
}

export interface Trials {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly trials: readonly Trial[];
}

/** What the columns of both tables call training without an adapter. */
const whole = "whole model";

/** Rows short enough for every small model. */
const length = "16";

/** Every architecture with the whole model, every adapter, every head and every method. */
export function architectureTrials(): Trials {
  const scope = libraryScope();
  const tasks = all("task", scope);
  const columns = [...trainings(scope), ...tasks.map(column)];
  const rows = all("architecture", scope);
  const trials = rows.flatMap((architecture) => {
    const config = exampleConfig(architecture);
    // An architecture that does not predict words is asked with the first head that it has.
    const head = tasks.find(
      (task) => refusal(recipeOf(withHead(wholeModel(baseLines()), task)), config) === undefined,
    );
    return columns.map(({ name, lines }): Trial => {
      const hasHead = head === undefined || tasks.some((task) => task.name.text === name);
      const asked = hasHead ? lines : withHead(lines, head);
      return { row: architecture.name.text, column: name, recipe: recipeOf(asked), config };
    });
  });
  return {
    title: "architecture",
    rows: rows.map(({ name }) => name.text),
    columns: columns.map(({ name }) => name),
    trials,
  };
}

/** Every optimizer with the whole model, every adapter and every method, on one architecture that all of them can have. */
export function optimizerTrials(): Trials {
  const scope = libraryScope();
  const columns = trainings(scope);
  const models = all("architecture", scope).map(exampleConfig);
  const config = models.find((each) =>
    columns.every(({ lines }) => refusal(recipeOf(lines), each) === undefined),
  );
  const rows = all("optimizer", scope);
  return {
    title: "optimizer",
    rows: rows.map(({ name }) => name.text),
    columns: columns.map(({ name }) => name),
    trials: rows.flatMap((optimizer) =>
      columns.map(({ name, lines }): Trial => {
        const recipe = recipeOf(withClause(lines, optimizer));
        return { row: optimizer.name.text, column: name, recipe, config: config ?? models[0] ?? {} };
      }),
    ),
  };
}

/** The code with which a recipe is refused; nothing where it trains. */
export function refusal(recipe: string, config: object): string | undefined {
  const path = `${exampleModel}/config.json`;
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (asked) =>
    asked === path ? JSON.stringify(config) : undefined,
  );
  const found = input === undefined ? diagnostics : elaborate(input).diagnostics;
  return found.find(({ severity }) => severity === "error")?.code;
}

function libraryScope(): Scope {
  return resolve({ path: "", text: "" }, () => undefined).scope;
}

function all(kind: DefinitionKind, scope: Scope): readonly Definition[] {
  const names = [...(libraryIndex.get(kind)?.keys() ?? [])].toSorted();
  return names.flatMap((name) => scope.inLibrary(kind, name) ?? []);
}

function baseLines(definition?: Definition): readonly RecipeLine[] {
  return withSetting(exampleLines(definition), "data", "length", length);
}

interface Column {
  readonly name: string;
  readonly lines: readonly RecipeLine[];
}

/** What can train: the whole model, or a part of it by an adapter, or by a method. */
function trainings(scope: Scope): readonly Column[] {
  const definitions = [...all("adapter", scope), ...all("method", scope)];
  return [{ name: whole, lines: wholeModel(baseLines()) }, ...definitions.map(column)];
}

/**
 * A column by a definition: its example; for a method with the whole model, for an adapter on every module of its kind: names of modules
 * are those of one architecture.
 */
function column(definition: Definition): Column {
  const lines = baseLines(definition);
  const name = definition.name.text;
  if (definition.what === "method") return { name, lines: wholeModel(lines) };
  return { name, lines: definition.what === "adapter" ? lines.map(everywhere) : lines };
}

function everywhere(line: RecipeLine): RecipeLine {
  if (line.noun !== clauseOf("adapter")?.noun) return line;
  return { ...line, options: new Map([...line.options].filter(([option]) => option !== "on")) };
}

function wholeModel(lines: readonly RecipeLine[]): readonly RecipeLine[] {
  return withSetting(withoutLine(lines, "adapter"), "model", "train", "all");
}

function withHead(lines: readonly RecipeLine[], task: Definition): readonly RecipeLine[] {
  const own = baseLines(task).filter(({ noun }) => noun === clauseOf("task")?.noun || noun === "data");
  return own.reduce(withLine, lines);
}

function withClause(lines: readonly RecipeLine[], definition: Definition): readonly RecipeLine[] {
  const line = recipeLine(exampleClause(definition) ?? "");
  return line === undefined ? lines : withLine(lines, line);
}

function recipeOf(lines: readonly RecipeLine[]): string {
  return recipeText("trial", lines);
}
