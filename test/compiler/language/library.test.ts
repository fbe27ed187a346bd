// The embedded library is the folder stdlib/.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { libraryModule } from "../../../compiler/generate.ts";

test("compiler/library.gen.ts is fresh (npm run generate)", () => {
  const written = readFileSync(join(import.meta.dirname, "../../../compiler/library.gen.ts"), "utf8");
  expect(written === libraryModule()).toBe(true);
});
