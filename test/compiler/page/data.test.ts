// The data of the report's page: columns are read back as they were, blocks add up to the plan, layers share their names, and the script that
// is embedded is the one that stands in the sources.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pagePlan } from "../../../compiler/page/build.ts";
import { pack, unpack } from "../../../compiler/page/data.ts";
import { clientModule } from "../../../compiler/page/generate.ts";
import { reportHtml } from "../../../compiler/page/html.ts";
import { compile } from "../../../compiler/compile.ts";
import { memoryKinds } from "../../../compiler/plan/plan.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";

test("compiler/page/client.gen.ts is fresh (npm run generate)", () => {
  const written = readFileSync(join(import.meta.dirname, "../../../compiler/page/client.gen.ts"), "utf8");
  expect(written === clientModule()).toBe(true);
});

test("a column is read back as it was, and what grows evenly is short", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: -1, max: 3 }), fc.maxSafeNat())), (values) => {
      expect(unpack(pack(values))).toEqual(values);
    }),
  );
  expect(pack(Array.from({ length: 1000 }, (_, at) => 7 * at)).length).toBeLessThan(10);
});

const path = join(import.meta.dirname, "../../fixtures/cli/good.ftl");
const text = readFileSync(path, "utf8");
const read = (name: string): string | undefined => {
  try {
    return readFileSync(name, "utf8");
  } catch {
    return undefined;
  }
};
const { plan, verification, settings } = compile(text, { path, read, profile: desktop });
if (plan === undefined || verification === undefined || settings === undefined) throw new Error("a plan");
const source = { path, text };
const page = pagePlan({
  title: "good",
  plan,
  verification,
  settings,
  source,
  repairs: [],
  refusal: undefined,
});

describe("the data of a plan", () => {
  test("every tensor with memory of its own is a block with its place, its lifetime and its lines", () => {
    const own = plan.tensors.filter(({ aliasOf }) => aliasOf === undefined);
    const [size, offset, buffer, first, cause] = [
      page.tensors.size,
      page.tensors.offset,
      page.tensors.buffer,
      page.tensors.first,
      page.tensors.cause,
    ].map(unpack);
    expect(size).toEqual(own.map((tensor) => tensor.size));
    expect(offset).toEqual(own.map((tensor) => tensor.offset));
    expect(buffer).toEqual(own.map((tensor) => tensor.buffer));
    expect(first).toEqual(own.map(({ lifetime }) => lifetime?.first ?? -1));
    const linesOf = (kind: string): readonly number[] =>
      page.causes[cause?.[own.findIndex((tensor) => tensor.kind === kind)] ?? -1] ?? [];
    expect(linesOf("weights")).toEqual([3]);
    expect(linesOf("adapter")).toEqual([4]);
    expect(linesOf("optimizer")).toEqual([4, 7]);
    expect(linesOf("activations")).toEqual([5, 6]);
    expect(page.recipe.lines[3]).toContain("adapter");
  });

  test("layers share their names", () => {
    expect(page.names.filter((name) => /layers\.\d/.test(name))).toEqual([]);
    expect(page.names.some((name) => name.includes("layers.{i}"))).toBe(true);
  });

  test("what a binding reads was written where it says, by a kernel that writes it", () => {
    for (const [at, program] of page.programs.entries()) {
      const [kernels, distances] = [unpack(program.kernel), unpack(program.distances)];
      const dispatches = plan.programs[at]?.dispatches ?? [];
      let next = 0;
      for (const [index, dispatch] of dispatches.entries()) {
        for (const [binding, tensor] of dispatch.tensors.entries()) {
          const distance = distances[next + binding] ?? 0;
          if (distance === 0) continue;
          const writer = dispatches[index - distance];
          const writes = plan.kernels[writer?.kernel ?? -1]?.bindings ?? [];
          const place = plan.tensors[tensor];
          const touched = (writer?.tensors ?? []).filter((each, where) => {
            const other = plan.tensors[each];
            if (writes[where]?.writes !== true || other === undefined || place === undefined) return false;
            return (
              other.buffer === place.buffer &&
              other.offset < place.offset + place.size &&
              place.offset < other.offset + other.size
            );
          });
          expect(touched).not.toEqual([]);
        }
        next += page.kernels[kernels[index] ?? -1]?.access.length ?? 0;
      }
      expect(next).toBe(distances.length);
      expect(distances.some((distance) => distance > 0)).toBe(dispatches.length > 1);
    }
  });

  test("nothing of a recipe ends the page's script", () => {
    const html = reportHtml({
      plans: [{ ...page, title: "</script><script>alert(1)</script>" }],
      comparison: "<b>",
    });
    expect(html).not.toContain("alert(1)</script>");
    expect(html.match(/<\/script>/g)).toHaveLength(2);
  });
});

describe("the style", () => {
  const style = readFileSync(join(import.meta.dirname, "../../../compiler/page/client/style.css"), "utf8");
  const [, light = "", dark = ""] = style.split(":root {");
  /** Contrast as WCAG 2.2 defines it. */
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (a: string, b: string): number => {
    const [low = 0, high = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };

  test.each([
    ["light", light],
    ["dark", dark],
  ])("%s: every colour that text has stands out from what it stands on", (_, rules) => {
    const colour = (name: string): string => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(rules)?.[1] ?? "";
    const inks = ["text", "faint", "accent", "alarm", "good"];
    for (const ink of inks)
      for (const ground of ["ground", "surface"])
        expect([ink, contrast(colour(ink), colour(ground)) >= 4.5]).toEqual([ink, true]);
    // Words of a recipe, on a lit line too; names inside of blocks have the surface's colour.
    for (const ink of ["text", "faint", "weights", "activations", "adapter"])
      expect([ink, contrast(colour(ink), colour("lit")) >= 4.5]).toEqual([ink, true]);
    for (const kind of memoryKinds)
      expect([kind, contrast(colour(kind), colour("surface")) >= 4.5]).toEqual([kind, true]);
  });
});
