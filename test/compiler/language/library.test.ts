// The embedded library is the folder stdlib/; what a recipe can name in it is documented, and a wrong option of it is answered with the
// one that was meant.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { libraryModule } from "../../../compiler/generate.ts";
import { exampleLines } from "../../../compiler/docs/example-recipe.ts";
import { recipeText, withSetting } from "../../../compiler/docs/recipe-lines.ts";
import { clauseOf, exampleConfig } from "../../../compiler/language/example.ts";
import { libraryIndex, resolve } from "../../../compiler/language/resolve.ts";
import type { Definition } from "../../../grammar/syntax.ts";
import { check } from "./support.ts";

test("compiler/library.gen.ts is fresh (npm run generate)", () => {
  const written = readFileSync(join(import.meta.dirname, "../../../compiler/library.gen.ts"), "utf8");
  expect(written === libraryModule()).toBe(true);
});

const { scope } = resolve({ path: "", text: "" }, () => undefined);
const definitions = [...libraryIndex].flatMap(([kind, names]) =>
  [...names.keys()].flatMap((name) => scope.inLibrary(kind, name) ?? []),
);
const named = definitions.filter(({ what }) => clauseOf(what) !== undefined);
const title = ({ what, name }: Definition): string => `${what} ${name.text}`;

test("what a recipe can name says what it is, and what each of its parameters means", () => {
  const silent = [...named, ...definitions.filter(({ what }) => what === "architecture")].flatMap(
    (definition) => {
      const parameters = definition.what === "architecture" ? [] : definition.parameters;
      return [
        ...(definition.documentation === "" ? [title(definition)] : []),
        ...parameters
          .filter(({ documentation }) => documentation === "")
          .map(({ name }) => `${title(definition)}: ${name.text}`),
      ];
    },
  );
  expect(silent, "write /// on the lines above").toEqual([]);
});

test("every architecture has an example config", () => {
  const without = definitions.filter(
    (definition) => definition.what === "architecture" && Object.keys(exampleConfig(definition)).length === 1,
  );
  expect(without.map(title), "write example { … }").toEqual([]);
});

describe.each(named.map((definition) => [title(definition), definition] as const))("%s", (_, definition) => {
  const options = definition.parameters.map(({ name }) => name.text).filter((name) => name.length > 3);
  const noun = clauseOf(definition.what)?.noun ?? "";

  test("a slip in an option is answered with the option", () => {
    for (const option of options) {
      const slip = option.slice(0, 1) + option.slice(2);
      const text = recipeText("slip", withSetting(exampleLines(definition), noun, slip, "1"));
      const found = check(text).diagnostics.find(({ message }) => message.includes(`'${slip}'`));
      expect(found, option).toMatchObject({ code: "FTL0302", label: `did you mean '${option}'?` });
    }
  });
});
