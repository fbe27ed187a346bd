// `ftlc init [DIR]`: a first recipe. Asks for the model's folder, the data and how it is written, the length of a row and the adapter, with
// what it finds near as the answers that Enter takes; --yes takes them all. Goes out: DIR/recipe.ftl, every clause with a comment.
// Holds: nothing is overwritten; what stands in the recipe was compiled before it was written, or the reason is told.
import { existsSync, statSync } from "node:fs";
import { basename, join, resolve as absolute } from "node:path";
import { findArchitecture, readConfig } from "../../compiler/language/config.ts";
import { clauses, type Noun } from "../../compiler/language/clauses.ts";
import { exampleLines } from "../../compiler/docs/example-recipe.ts";
import {
  recipeText,
  withLine,
  withoutLine,
  withSetting,
  type RecipeLine,
} from "../../compiler/docs/recipe-lines.ts";
import { elaborate } from "../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../compiler/front.ts";
import { libraryIndex, resolve, type Scope } from "../../compiler/language/resolve.ts";
import type { DataFormat } from "../../compiler/language/settings.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { formatFtl } from "../../grammar/format/format.ts";
import { closest } from "../../grammar/suggest.ts";
import { askOnTerminal, takeFallbacks, type Answer, type Asker } from "./ask.ts";
import { hasErrors, sayDiagnostics } from "./diagnostics.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { readOptional } from "./files.ts";
import { findInputs, rowsOf, type Rows } from "./init-find.ts";
import type { Terminal } from "./terminal.ts";
import { wrap } from "./wrap.ts";
import { writeNew } from "./write-new.ts";

export async function initCommand(
  folder: string,
  options: { readonly yes: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const path = join(folder, "recipe.ftl");
  if (existsSync(path)) {
    throw new Failure(`${path} is there already and was left as it is`, exitCodes.failed, [
      "name another folder: ftlc init DIR",
    ]);
  }
  const asker = options.yes ? takeFallbacks : askOnTerminal(terminal);
  try {
    const lines = await answeredLines(folder, asker, terminal);
    const { text, diagnostics } = await fitting(path, lines);
    writeNew(path, text);
    terminal.out(text);
    sayDiagnostics(diagnostics, terminal);
    const compiles = !hasErrors(diagnostics);
    terminal.err(`wrote ${path}${compiles ? "" : ", which does not compile yet"}`);
    if (compiles) terminal.err(`what it costs: ftlc compile ${path}`);
    return compiles ? exitCodes.done : exitCodes.failed;
  } finally {
    asker.close();
  }
}

/** The library's example recipe with the answers in it. */
async function answeredLines(
  folder: string,
  asker: Asker,
  terminal: Terminal,
): Promise<readonly RecipeLine[]> {
  const { scope } = resolve({ path: "", text: "" }, () => undefined);
  const found = findInputs(folder);
  let lines = exampleLines();
  const said = (noun: Noun): string => lines.find((line) => line.noun === noun)?.head ?? "";
  const path = (noun: Noun): string => said(noun).replaceAll('"', "");

  const model = await asker.ask(
    "model folder, with config.json?",
    found.models[0] ?? path("model"),
    inFolder(folder),
  );
  const { name, problem } = architectureOf(join(folder, model), scope);
  terminal.err(name === undefined ? `note: ${problem}` : `${join(folder, model)}: ${name}`);
  lines = withSetting(lines, "model", undefined, JSON.stringify(model));

  const data = await asker.ask("data file, .jsonl or .txt?", found.data[0] ?? path("data"), inFolder(folder));
  const rows = readableRows(join(folder, data), terminal);
  const formats = clauses.data.options.format.form.expected;
  const format = await asker.ask(
    `format of a row, ${formats}?`,
    rows?.format ?? "prompt",
    oneOf<DataFormat>(formatNames),
  );
  const length = await asker.ask("positions of a row at most?", String(rowLength(rows)), positive);
  lines = withSetting(lines, "data", undefined, JSON.stringify(data));
  lines = withSetting(lines, "data", "format", format);
  lines = withSetting(lines, "data", "length", String(length));
  lines = withHead(lines, format, rows, scope);
  const [held] = found.held;
  lines =
    held === undefined
      ? withoutLine(lines, "evaluation")
      : withSetting(lines, "evaluation", undefined, JSON.stringify(held));

  const adapters = [...(libraryIndex.get("adapter")?.keys() ?? [])].toSorted();
  const adapter = await asker.ask(
    `adapter, ${adapters.join(", ")}, or none to train the whole model?`,
    said("adapter"),
    oneOf([...adapters, "none"]),
  );
  lines = withAdapter(lines, adapter, scope);
  return withSetting(lines, "output", undefined, JSON.stringify(`runs/${nameOf(folder)}`));
}

/** The architecture that a model's config.json names, or why there is none. */
function architectureOf(model: string, scope: Scope): { readonly name?: string; readonly problem?: string } {
  const path = join(model, "config.json");
  const text = readOptional(path);
  if (text === undefined) return { problem: `there is no ${path} yet` };
  const { config, diagnostics } = readConfig(text, path);
  const found = config === undefined ? { diagnostics } : findArchitecture(config, scope, "");
  if ("architecture" in found && found.architecture !== undefined)
    return { name: found.architecture.name.text };
  return {
    problem: found.diagnostics.map(({ message, label }) => `${path}: ${message}; ${label}`).join("\n"),
  };
}

/** The lines with the head that learns from rows of this format, where one does; with as many labels as the first rows show. */
function withHead(
  lines: readonly RecipeLine[],
  format: DataFormat,
  rows: Rows | undefined,
  scope: Scope,
): readonly RecipeLine[] {
  if (format !== "label") return lines;
  const heads = [...(libraryIndex.get("task")?.keys() ?? [])].flatMap((name) => {
    const task = scope.inLibrary("task", name);
    const example = task === undefined ? [] : exampleLines(task);
    const learns = example.some(({ noun, options }) => noun === "data" && options.get("format") === format);
    return learns ? example.filter(({ noun }) => noun === "head") : [];
  });
  const [head] = heads;
  if (head === undefined) return lines;
  const counted = rows !== undefined && rows.labels > 0 && head.options.has("labels");
  const labels = counted ? [["labels", String(rows.labels)] as const] : [];
  return withLine(lines, { ...head, options: new Map([...head.options, ...labels]) });
}

/** The lines with an adapter as its example has it. */
function withAdapter(lines: readonly RecipeLine[], name: string, scope: Scope): readonly RecipeLine[] {
  if (name === "none") return withSetting(withoutLine(lines, "adapter"), "model", "train", "all");
  const definition = scope.inLibrary("adapter", name);
  const line =
    definition === undefined ? undefined : exampleLines(definition).find(({ noun }) => noun === "adapter");
  return line === undefined ? lines : withLine(lines, line);
}

const formatNames: readonly DataFormat[] = ["text", "prompt", "chat", "tokens", "label"];

function oneOf<T extends string>(words: readonly T[]): (answer: string) => Answer<T> {
  return (answer) => {
    const value = words.find((word) => word === answer);
    if (value !== undefined) return { value };
    const guess = closest(answer, [...words]);
    return { refused: guess === undefined ? `one of ${words.join(", ")}` : `did you mean ${guess}?` };
  };
}

function positive(answer: string): Answer<number> {
  const value = Number(answer);
  return Number.isSafeInteger(value) && value > 0 ? { value } : { refused: "a whole number above zero" };
}

/** A path as the recipe writes it: from its own folder. What is not there yet may come. */
function inFolder(folder: string): (answer: string) => Answer<string> {
  return (answer) => {
    if (/["{}\\\n]/.test(answer)) return { refused: "a path without quotes, braces and backslashes" };
    const place = join(folder, answer);
    const exists = existsSync(place) || !existsSync(answer) || answer.startsWith("/");
    return exists ? { value: answer } : { refused: `a path from ${folder}, where the recipe will stand` };
  };
}

function readableRows(path: string, terminal: Terminal): Rows | undefined {
  if (!existsSync(path) || !statSync(path).isFile()) {
    terminal.err(`note: there is no ${path} yet`);
    return undefined;
  }
  const rows = rowsOf(path);
  if (rows === undefined) terminal.err(`note: the first row of ${path} is none that ftlc knows`);
  return rows;
}

/** The next power of two, which divides well, and no more than most models learned. */
function rowLength(rows: Rows | undefined): number {
  return rows === undefined ? 512 : Math.min(2048, Math.max(16, 2 ** Math.ceil(Math.log2(rows.length))));
}

function nameOf(folder: string): string {
  const word = basename(absolute(folder))
    .replaceAll(/\W+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
  return /^[A-Za-z]/.test(word) ? word.toLowerCase() : "first";
}

/** The recipe's text, with rows halved until the model takes them, and what is still wrong. */
async function fitting(
  path: string,
  lines: readonly RecipeLine[],
): Promise<{ readonly text: string; readonly diagnostics: readonly Diagnostic[] }> {
  const said = Number(lines.find(({ noun }) => noun === "data")?.options.get("length") ?? 1);
  const wanted = await written(path, lines);
  const mistakes = mistakesOf(path, wanted);
  for (let length = said >> 1; hasErrors(mistakes) && length >= 16; length >>= 1) {
    const text = await written(path, withSetting(lines, "data", "length", String(length)));
    const left = mistakesOf(path, text);
    if (!hasErrors(left)) return { text, diagnostics: left };
  }
  return { text: wanted, diagnostics: mistakes };
}

/** Without a model only the recipe is checked. */
function mistakesOf(path: string, text: string): readonly Diagnostic[] {
  const { input, diagnostics } = readRecipe({ path, text }, readOptional);
  const noModel = "FTL0724";
  const found = diagnostics.filter(({ code }) => code !== noModel);
  return input === undefined ? found : [...found, ...elaborate(input).diagnostics];
}

async function written(path: string, lines: readonly RecipeLine[]): Promise<string> {
  const name = nameOf(join(path, ".."));
  const plain = recipeText(name, lines, ({ noun }) => commentOf(noun as Noun));
  const text = `/// The first recipe of this folder: 'ftlc docs' explains every clause.\n${plain}`;
  return (await formatFtl({ path, text })).text ?? text;
}

/** Library kinds that have more to choose from. */
const lists: Partial<Readonly<Record<Noun, string>>> = {
  adapter: "'ftlc docs adapters' lists others",
  optimizer: "'ftlc docs optimizers' lists others",
  schedule: "'ftlc docs schedules' lists others",
};

function commentOf(noun: Noun): readonly string[] {
  const { summary } = clauses[noun];
  const more = lists[noun] === undefined ? "" : ` (${lists[noun]})`;
  const text = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}${more}.`;
  return wrap(text, "     ").map((line) => line.trim());
}
