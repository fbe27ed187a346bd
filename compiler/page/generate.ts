// Build tool, run by `npm run generate`: makes of client/*.ts one script without types, imports and comments, and writes it with the style
// into client.gen.ts, so that the compiler has the page's script as text. A test holds the result against the sources.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { compileFunction } from "node:vm";

const folder = import.meta.dirname;
const target = join(folder, "client.gen.ts");

/** In the order in which they need each other; the compiler's own files are pure and shared. */
const files = [
  "../plan/units.ts",
  "data.ts",
  "client/dom.ts",
  "client/model.ts",
  "client/state.ts",
  "client/palette.ts",
  "client/map.ts",
  "client/curve.ts",
  "client/memory.ts",
  "client/recipe.ts",
  "client/summary.ts",
  "client/tables.ts",
  "client/graph.ts",
  "client/main.ts",
];

/** The text that compiler/page/client.gen.ts should have. */
export function clientModule(): string {
  const script = `"use strict";{\n${files.map((file) => plain(readText(file))).join("\n")}\n}`;
  const style = readText("client/style.css")
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(/\s*\n\s*/g, "\n")
    .trim();
  // Names of all files share one block: a name that stands twice is a mistake here and not in the browser.
  compileFunction(script);
  return [
    "// Made by `npm run generate` from compiler/page/client; change that and run it again.",
    "",
    `export const clientScript = ${JSON.stringify(script)};`,
    `export const clientStyle = ${JSON.stringify(style)};`,
    `export const scriptHash = ${JSON.stringify(hashOf(script))};`,
    `export const styleHash = ${JSON.stringify(hashOf(style))};`,
    "",
  ].join("\n");
}

function readText(file: string): string {
  return readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n");
}

/** Without types, imports, the word `export`, comments on lines of their own, and indentation that only people need. */
function plain(text: string): string {
  return stripTypeScriptTypes(text)
    .replaceAll(/^import [^;]*;$/gm, "")
    .replaceAll(/^export (?=const|function|let|class|async)/gm, "")
    .replaceAll(/^export [^;]*;$/gm, "")
    .replaceAll(/^ *\/\*\*?[^]*?\*\/$/gm, "")
    .replaceAll(/^ *\/\/.*$/gm, "")
    .replaceAll(/^ +| +$/gm, "")
    .replaceAll(/\n{2,}/g, "\n")
    .trim();
}

/** As a content security policy names it. */
function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

if (import.meta.main) {
  writeFileSync(target, clientModule());
  console.log(`wrote ${target}`);
}
