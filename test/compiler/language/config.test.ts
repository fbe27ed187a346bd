// config.json: the configurations that users have, broken ones, and the architectures they name.
import { expect, test } from "vitest";
import { findArchitecture, readConfig } from "../../../compiler/language/config.ts";
import { resolve } from "../../../compiler/language/resolve.ts";
import { fixture, render } from "./support.ts";

const { scope } = resolve({ path: "r.ftl", text: "" }, () => undefined);

function find(text: string): { name: string | undefined; rendered: string } {
  const { config, diagnostics } = readConfig(text, "model/config.json");
  if (config === undefined) return { name: undefined, rendered: render(diagnostics) };
  const found = findArchitecture(config, scope, "r.ftl");
  return { name: found.architecture?.name.text, rendered: render(found.diagnostics) };
}

test.each([
  ["llama-3-70b", "llama"],
  ["qwen2.5-0.5b", "qwen2"],
  ["gpt2", "gpt2"],
  ["falcon-40b", "falcon"],
])("%s is found", (model, name) => {
  expect(find(fixture(`recipes/configs/${model}/config.json`))).toEqual({ name, rendered: "" });
});

test("a dash in model_type is as good as an underscore", () => {
  expect(find('{ "model_type": "gpt-neox" }').name).toBe("gpt_neox");
});

test("fields keep their kinds and places", () => {
  const text = '{ "a": 1.5e-5, "b": null, "c": [true, "x\\u0041"], "__proto__": {} }';
  const { config } = readConfig(text, "c.json");
  expect(config?.fields.get("a")).toMatchObject({
    kind: "number",
    value: 1.5e-5,
    span: { start: 7, end: 13 },
  });
  expect(config?.fields.get("b")?.kind).toBe("none");
  expect(config?.fields.get("c")).toMatchObject({
    kind: "list",
    elements: [{ value: true }, { value: "xA" }],
  });
  expect(config?.fields.get("__proto__")?.kind).toBe("object");
});

test("agrees with JSON.parse on what is JSON", () => {
  for (const text of [
    "{}",
    " {\n} ",
    "{,}",
    '{"a":01}',
    '{"a":1,}',
    '{"a":.5}',
    '{"a":-0.5E+3}',
    "[1,]",
    '{"a"}',
    '{"a":tru}',
    '{"a":"\n"}',
    "",
  ]) {
    let good = true;
    try {
      JSON.parse(text);
    } catch {
      good = false;
    }
    expect(readConfig(text, "c").config !== undefined, text).toBe(good && !text.startsWith("["));
  }
});

test("what is wrong is said", async () => {
  const wrong = [
    "",
    "[]",
    '{ "model_type": "llama"',
    '{ "model_type": "llama", }',
    '{ "a": 1, "a": 2 }',
    '{ "a": 1e999 }',
    "{} {}",
    "{}",
    '{ "model_type": 1 }',
    '{ "model_type": "lama" }',
    '{ "model_type": "zebra" }',
    '{ "model_type": "gpt_neo" }',
    '{ "model_type": "bloom" }',
  ];
  const lines = wrong.map((text) => {
    const { name, rendered } = find(text);
    expect(name, text).toBeUndefined();
    return `=== ${text}\n${rendered}\n`;
  });
  await expect(lines.join("\n")).toMatchFileSnapshot("golden/config.txt");
});

test("depth is bounded", () => {
  expect(readConfig(`{"a":${"[".repeat(100_000)}`, "c").diagnostics[0]?.code).toBe("FTL0321");
});
