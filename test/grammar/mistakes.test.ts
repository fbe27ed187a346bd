// What is said of texts that are wrong: each with the whole message, in one golden file.
import { expect, test } from "vitest";
import { renderText } from "../../compiler/diagnostics/render.ts";
import { parse } from "../../grammar/index.ts";
import { mistakes } from "./mistakes.ts";

test("every mistake is named at its place, once", async () => {
  const texts = Object.entries(mistakes).map(([title, text]) => {
    const { diagnostics } = parse({ path: "recipe.ftl", text });
    expect(diagnostics, title).not.toEqual([]);
    return `=== ${title}\n${text}\n---\n${renderText(diagnostics)}\n`;
  });
  await expect(texts.join("\n")).toMatchFileSnapshot("golden/mistakes.txt");
});

test("a mistake in one statement leaves the others to be read", () => {
  const { diagnostics } = parse({
    path: "",
    text: "function f(x) {\n  g(* 2)\n  let y x\n  z\n  x +\n}",
  });
  expect(diagnostics.map(({ code }) => code)).toEqual(["FTL0111", "FTL0107", "FTL0106"]);
});
