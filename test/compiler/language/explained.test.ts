// Every code that the checks of the language report has an explanation, and every explanation has a code that is reported.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { model } from "../../../compiler/diagnostics/explain/model.ts";
import { names } from "../../../compiler/diagnostics/explain/names.ts";
import { planned } from "../../../compiler/diagnostics/explain/planned.ts";

test("codes and explanations agree", () => {
  const root = join(import.meta.dirname, "../../../compiler/language");
  const texts = globSync("*.ts", { cwd: root }).map((path) => readFileSync(join(root, path), "utf8"));
  const used = new Set(
    texts.flatMap((text) => text.match(/"FTL\d{4}"/g) ?? []).map((code) => code.slice(1, -1)),
  );
  const explained = Object.keys({ ...names, ...model, ...planned });
  expect([...used].toSorted()).toEqual(explained.toSorted());
});
